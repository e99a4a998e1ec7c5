"""What proves the stacks and the image where there is neither another system nor a container engine: in Debian trees; and
the compiled pipeline on Kubeflow's own programs, where there is no cluster.

Nothing here is part of the product or of its deployment. Only the standard library of the machine's own Python is used, but
for what Kubeflow's backend needs.
"""
