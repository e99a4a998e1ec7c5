"""Looking for wrong labels in the data of a run, and correcting them."""
