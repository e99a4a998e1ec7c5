"""From a label file and images to tf.Examples: reading, checking, ingestion with Beam, and what the data are like."""
