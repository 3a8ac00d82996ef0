"""Any picture size through networks that want multiples of their stride."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class AnySize(nn.Module):
    """A network whose logits have the size of the picture, whatever that size is.

    The picture is padded at the right and the bottom, by repeating its border, to a multiple of
    `stride`; the logits are cropped back. The papers crop 321 x 321, which smp's networks refuse.
    """

    def __init__(self, network: nn.Module, stride: int):
        super().__init__()
        self.network = network
        self.stride = stride

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        h, w = images.shape[-2:]
        below, right = -h % self.stride, -w % self.stride
        if below or right:
            images = functional.pad(images, (0, right, 0, below), mode="replicate")
        return self.network(images)[..., :h, :w]
