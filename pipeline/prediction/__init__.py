"""Ages of many photographs: which are asked about, what was answered so far, and the file that it becomes."""
