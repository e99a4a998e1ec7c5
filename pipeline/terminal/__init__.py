"""What a run and its verdict look like in a terminal."""
