"""The Beam runners that a run may use: their options, and the pool of workers for Flink."""
