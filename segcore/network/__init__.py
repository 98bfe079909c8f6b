"""The U-Net: its layers, its losses, its weights on disk, and what it predicts.

In: a network's settings, a file of weights, slices. Out: probabilities of interior.
Needs PyTorch. May use no other room."""

from segcore.network.device import choose_device, is_out_of_memory, keep_freed_memory
from segcore.network.losses import boundary_weights, segmentation_loss, training_counts
from segcore.network.prediction import predict, predict_logits
from segcore.network.torchscript import save_torchscript
from segcore.network.unet import UNet, scale_intensity
from segcore.network.weights import load_network, load_weights, save_tensors, save_weights

__all__ = [
    "UNet",
    "boundary_weights",
    "choose_device",
    "is_out_of_memory",
    "keep_freed_memory",
    "load_network",
    "load_weights",
    "predict",
    "predict_logits",
    "save_tensors",
    "save_torchscript",
    "save_weights",
    "scale_intensity",
    "segmentation_loss",
    "training_counts",
]
