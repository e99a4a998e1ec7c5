"""What a person touches: command line, configuration, the graph and its runners."""
