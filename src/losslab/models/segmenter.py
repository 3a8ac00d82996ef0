"""What all networks share: any picture size, a head that is known, fixed batch normalisation."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from losslab.constants import MEAN, STD, Channels
from losslab.errors import SpecError
from losslab.models.weights import WeightsFile


class Segmenter(nn.Module):
    """A network whose logits have the size of the picture, whatever that size is.

    The picture is padded at the right and the bottom, by repeating its border, to the next size
    `stride` * m + `beyond`; the logits are cropped back. Networks whose cells lie side by side want
    multiples of their stride (beyond 0), those whose grid begins at the first pixel and ends at the
    last one more (beyond 1).

    `network.encoder` is what published weights can fill; all else is the head. Raises `SpecError`
    for a batch that is too small for the batch normalisation that it trains.
    """

    def __init__(self, network: nn.Module, *, stride: int, beyond: int = 0):
        super().__init__()
        self.network = network
        self.statistics: tuple[Channels, Channels] = (MEAN, STD)
        """Mean and standard deviation that pictures of 0..1 are normalised with: ImageNet's, or
        those that the encoder's weights were trained with.
        """
        self.weights_file: WeightsFile | None = None
        """The file that the encoder's weights came from."""
        self.stride = stride
        self.beyond = beyond
        self.frozen_batch_norm = False

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        h, w = images.shape[-2:]
        below, right = (self.beyond - h) % self.stride, (self.beyond - w) % self.stride
        if below or right:
            images = functional.pad(images, (0, right, 0, below), mode="replicate")
        try:
            return self.network(images)[..., :h, :w]
        except ValueError as error:  # torch's words for a batch whose maps hold one place
            if "more than 1 value per channel" not in str(error):
                raise
            raise SpecError(
                f"batch_size: in a batch of {len(images)} of {h}x{w} a batch normalisation sees a "
                "single value of each channel, which has no variance; train with 2 pictures a "
                "batch or more, or with model_options {frozen_batch_norm: true}"
            ) from error

    @property
    def encoder(self) -> nn.Module:
        """The part that published weights can fill."""
        return self.network.get_submodule("encoder")

    def head_parameters(self) -> list[nn.Parameter]:
        """The parameters that no encoder brings: they begin from random or set values."""
        known = {id(parameter) for parameter in self.encoder.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in known]

    def start_by_glorot(self) -> None:
        """Draw the weights of the head's convolutions anew, uniformly as Glorot & Bengio 2010 (eq.
        16) and Keras do, and set their biases to 0; fixed upsampling stays.
        """
        encoder = {id(layer) for layer in self.encoder.modules()}
        for layer in self.modules():
            if type(layer) is nn.Conv2d and id(layer) not in encoder:
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def freeze_batch_norm(self) -> None:
        """Fix every batch normalisation for good: its statistics stay, its scale and shift do not
        train.

        As SEMEDA (Chen 2020, section 3.4) trains, with 6 pictures a batch, and DeepLab before it. A
        layer that no encoder brings stays at mean 0, variance 1: it passes its input on.
        """
        self.frozen_batch_norm = True
        for layer in self._batch_norms():
            layer.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Segmenter":
        super().train(mode)
        if self.frozen_batch_norm:
            for layer in self._batch_norms():
                layer.eval()
        return self

    def _batch_norms(self) -> list[nn.BatchNorm2d]:
        return [layer for layer in self.modules() if isinstance(layer, nn.BatchNorm2d)]
