"""The verdict of a run for people: the page, its charts and thumbnails, and the model card."""
