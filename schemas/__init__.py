"""The data contract: the age schema, the names of the features, and what input may look like."""
