"""The trunks of torchvision's classifiers, as segmentation needs them; tensors keep their names."""

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

import torch
import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

BOTTLENECKS = ("resnet50", "resnet101", "resnet152")
RESNETS = ("resnet18", "resnet34", *BOTTLENECKS)


class ConvolutionalClassifier(nn.Module):
    """A classifier up to its last layer, its two fully connected layers being convolutions (Long
    2015, section 3.1): pictures in, maps of `fc7.out_channels` out.

    ReLU and dropout of one half follow either of them.
    """

    def __init__(self, features: nn.Sequential, fc6: nn.Conv2d, fc7: nn.Conv2d):
        super().__init__()
        self.features = features
        self.fc6 = fc6
        self.fc7 = fc7
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c y x"]:
        maps = self.features(images)
        for layer in (self.fc6, self.fc7):
            maps = self.dropout(self.relu(layer(maps)))
        return maps

    def adapted(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state of torchvision's classifier, or of another of its convolutional forms, as this
        network's.

        A fully connected layer's weights are those of a convolution over the whole map. Fewer
        filters: every (4096 / n)-th is kept; 3 x 3 of 7 x 7 taps: those at 0, 3 and 6, DeepLab's
        decimation (Chen 2015, section 3.2). One tap for all: their sum, which answers to a map
        that is constant as the whole kernel does.
        """
        state = dict(state)
        found = [name for name in state if re.fullmatch(r"classifier\.\d+\.weight", name)]
        found.sort(key=lambda name: int(name.split(".")[1]))
        for ours, theirs in zip(("fc6", "fc7"), found, strict=False):
            state[f"{ours}.weight"] = state[theirs]
            state[f"{ours}.bias"] = state[theirs.replace("weight", "bias")]
        kept = 1
        for name, layer in (("fc6", self.fc6), ("fc7", self.fc7)):
            weight = _as_kernels(state.get(f"{name}.weight"), layer.in_channels * kept)
            bias = state.get(f"{name}.bias")
            if weight is None or bias is None:
                break
            weight = _fewer_taps(weight[:, ::kept], layer.kernel_size[0])
            kept = max(1, len(weight) // layer.out_channels)
            state[f"{name}.weight"], state[f"{name}.bias"] = weight[::kept], bias[::kept]
        return state


def vgg16() -> ConvolutionalClassifier:
    """VGG-16 (Simonyan 2015, configuration D) with fc6 as 7 x 7 x 4096 and fc7 as 1 x 1 x 4096
    convolutions; cells of stride 32. fc6 is padded by 3: 224 pixels give 7 x 7 cells.
    """
    return ConvolutionalClassifier(
        _vgg16_features(), _layer(512, 4096, 7, padding=3), _layer(4096, 4096, 1)
    )


def vgg16_large_field_of_view() -> ConvolutionalClassifier:
    """VGG-16 as DeepLab-LargeFOV changes it (Chen 2015, 2018): points of stride 8.

    Pools are 3 x 3 and padded, the last two do not stride, conv5 is dilated by 2; fc6 is
    3 x 3 x 1024 dilated by 12, fc7 1 x 1 x 1024. The authors' network also averages over 3 x 3
    after the last pool.
    """
    features = _vgg16_features()
    pools = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    for number, i in enumerate(pools):
        features[i] = nn.MaxPool2d(3, stride=2 if number < 3 else 1, padding=1)
    for layer in features[pools[3] :]:
        if isinstance(layer, nn.Conv2d):
            layer.dilation = layer.padding = (2, 2)
    features.append(nn.AvgPool2d(3, stride=1, padding=1))
    fc6 = _layer(512, 1024, 3, padding=12, dilation=12)
    return ConvolutionalClassifier(features, fc6, _layer(1024, 1024, 1))


def alexnet(fc6_kernel: int) -> ConvolutionalClassifier:
    """torchvision's AlexNet (Krizhevsky 2014) with fc6 and fc7 as convolutions of 4096 filters.

    Cell i of pool5 is centred at pixel 32 i + 31. A 6 x 6 kernel padded by 3 before and 2 after
    moves that back by half a cell.
    """
    features = torchvision.models.alexnet(weights=None).features
    if fc6_kernel == 6:
        features.append(nn.ZeroPad2d((3, 2, 3, 2)))
    return ConvolutionalClassifier(features, _layer(256, 4096, fc6_kernel), _layer(4096, 4096, 1))


def resnet(name: str, *, dilated: bool = False) -> nn.Sequential:
    """A ResNet (He 2016) without its classifier: points of stride 32, or 8 where the last two
    stages are dilated by 2 and 4 instead of striding.

    torchvision's form: the 3 x 3 convolution of a block strides, not the 1 x 1 before it.
    """
    strides = {"replace_stride_with_dilation": [False, True, True]} if dilated else {}
    network = torchvision.models.get_model(name, weights=None, **strides)
    layers = [item for item in network.named_children() if item[0] not in ("avgpool", "fc")]
    return nn.Sequential(OrderedDict(layers))


def resnet_widths(trunk: nn.Sequential) -> tuple[int, int, int]:
    """Channels of the maps at strides 8, 16 and 32."""
    last = (list(trunk.get_submodule(f"layer{n}").modules()) for n in (2, 3, 4))
    at8, at16, at32 = (
        [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)][-1]
        for layers in last
    )
    return at8, at16, at32


def _vgg16_features() -> nn.Sequential:
    features = make_layers(cfgs["D"])
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return features


def _layer(
    inputs: int, outputs: int, kernel: int, *, padding: int = 0, dilation: int = 1
) -> nn.Conv2d:
    layer = cast(
        nn.Conv2d,
        torch.nn.utils.skip_init(
            nn.Conv2d,
            inputs,
            outputs,
            kernel,
            padding=padding,
            dilation=dilation,
            device=torch.get_default_device(),
        ),
    )
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


def _as_kernels(weight: Tensor | None, channels: int) -> Tensor | None:
    """(filters, channels * k * k) as (filters, channels, k, k); None where that cannot be."""
    if weight is None or weight.ndim == 4:
        return weight
    if weight.ndim != 2:
        return None
    side = math.isqrt(weight.shape[1] // channels)
    if channels * side**2 != weight.shape[1]:
        return None
    return weight.reshape(len(weight), channels, side, side)


def _fewer_taps(weight: Tensor, side: int) -> Tensor:
    if weight.shape[-1] <= side:
        return weight
    if side == 1:
        return weight.sum((2, 3), keepdim=True)
    taps = torch.linspace(0, weight.shape[-1] - 1, side).round().long()
    return weight[:, :, taps][..., taps]
