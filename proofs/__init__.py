"""What proves the stacks and the image where there is neither another system nor a container engine: in Debian trees.

Nothing here is part of the product or of its deployment. Only the standard library of the machine's own Python is used.
"""
