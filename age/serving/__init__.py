"""The models that are being served: their directory, and asking one of them."""
