"""The age regressor: backbones, network, augmentation, feature cache, training, export."""
