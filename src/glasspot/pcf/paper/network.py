"""The trained autoencoder of the paper as plain arrays, run with numpy: no torch where a model is only used.

Six 3x3 convolutions with 64, 32, 32, 16, 16, 8 filters, each with ReLU and a 2x2 max-pool, turn 64x64 pixels into 8
numbers. The decoder mirrors them: six transposed 3x3 convolutions with 8, 16, 16, 32, 32, 64 filters, each with ReLU
and an upsampling by 2, and a last one to a single channel. A transposed convolution of stride 1 is a convolution with
the mirrored kernel, so that all kernels here are those of convolutions. The paper names no activation of the last
layer; a sigmoid keeps the pixels between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

ENCODER = (64, 32, 32, 16, 16, 8)
DECODER = (8, 16, 16, 32, 32, 64, 1)
LATENT = ENCODER[-1]
CHUNK = 16  # pictures at once, so that the windows of a layer stay within the cache

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A convolution: kernel (filters, channels, 3, 3) and bias (filters,)."""

    kernel: Array
    bias: Array


@dataclass(frozen=True)
class Network:
    """All layers of the autoencoder, encoder first, in the order in which they act."""

    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]

    def encode(self, pictures: Array) -> Array:
        """Return the latent vectors of pictures (n, 64, 64): (n, 8)."""
        return _in_chunks(self._encode, pictures)

    def decode(self, latents: Array) -> Array:
        """Return the pictures of latent vectors (n, 8): (n, 64, 64), between 0 and 1."""
        return _in_chunks(self._decode, latents)

    def _encode(self, pictures: Array) -> Array:
        x = pictures[..., None]
        for layer in self.encoder:
            x = np.maximum(_pool(_convolve(x, layer)), 0)
        return x.reshape(len(x), -1)

    def _decode(self, latents: Array) -> Array:
        x = latents[:, None, None, :]
        for k, layer in enumerate(self.decoder[:-1]):
            x = np.maximum(_convolve(_double(x) if k else x, layer), 0)
        return np.asarray(expit(_to_one_channel(x, self.decoder[-1])))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return every kernel and bias by name."""
        found: dict[str, np.ndarray] = {}
        for part, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for k, layer in enumerate(layers):
                found[f"{part}_{k}_kernel"], found[f"{part}_{k}_bias"] = layer.kernel, layer.bias
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Network:
        """Return the network of :meth:`arrays`; ValueError for kernels of another shape, KeyError for a missing one."""
        return cls(_layers(arrays, "encoder", 1, ENCODER), _layers(arrays, "decoder", LATENT, DECODER))


def _layers(arrays: Mapping[str, np.ndarray], part: str, channels: int, filters: tuple[int, ...]) -> tuple[Layer, ...]:
    layers = []
    for k, number in enumerate(filters):
        kernel = np.asarray(arrays[f"{part}_{k}_kernel"], dtype=np.float32)
        bias = np.asarray(arrays[f"{part}_{k}_bias"], dtype=np.float32)
        if kernel.shape != (number, channels, 3, 3) or bias.shape != (number,):
            raise ValueError(f"layer {k} of the {part} has the shape {kernel.shape}")
        layers.append(Layer(kernel, bias))
        channels = number
    return tuple(layers)


def _in_chunks(function: Callable[[Array], Array], values: Array) -> Array:
    return np.concatenate([function(values[k : k + CHUNK]) for k in range(0, len(values), CHUNK)])


def _convolve(x: Array, layer: Layer) -> Array:
    """Return the 3x3 convolution of x (n, height, width, channels), with zeros around it."""
    n, height, width, channels = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.empty((n, height, width, 9, channels), dtype=np.float32)
    for k in range(9):
        windows[..., k, :] = padded[:, k // 3 : k // 3 + height, k % 3 : k % 3 + width]
    flat = layer.kernel.transpose(2, 3, 1, 0).reshape(9 * channels, -1)
    return np.asarray((windows.reshape(-1, 9 * channels) @ flat).reshape(n, height, width, -1) + layer.bias)


def _to_one_channel(x: Array, layer: Layer) -> Array:
    """Return the convolution of the doubled x, (n, 2 height, 2 width); channels are summed before x is doubled."""
    n, height, width, channels = x.shape
    parts = _double((x.reshape(-1, channels) @ layer.kernel[0].reshape(channels, 9)).reshape(n, height, width, 9))
    padded = np.pad(parts, ((0, 0), (1, 1), (1, 1), (0, 0)))
    total = np.full((n, 2 * height, 2 * width), layer.bias[0], dtype=np.float32)
    for k in range(9):
        total += padded[:, k // 3 : k // 3 + 2 * height, k % 3 : k % 3 + 2 * width, k]
    return total


def _pool(x: Array) -> Array:
    n, height, width, channels = x.shape
    return np.asarray(x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4)))


def _double(x: Array) -> Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)
