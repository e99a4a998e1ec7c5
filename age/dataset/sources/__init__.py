"""Data sets as they are downloaded or drawn, turned into the input form: labels.csv and images."""
