"""Turns `labels.csv` and the images it names into TFRecord examples and a list of the rows that can't be used."""
