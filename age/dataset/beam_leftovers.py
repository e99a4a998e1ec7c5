"""What Beam leaves in an output directory when an attempt at writing fails and another one succeeds."""

from age import storage


def remove(directory: str) -> None:
    """Removes Beam's temporary directories: readers may take whatever lies beside the output for more of it."""
    for name in storage.list_directory(directory):
        if name.startswith("beam-temp-"):
            storage.remove_tree(storage.join(directory, name))
