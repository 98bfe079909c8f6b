"""What the network sees while it is trained: pictures beside the slice they are of."""

import numpy as np
from PIL import Image

from segcore.runs.previews import Previews


def test_a_preview_lies_beside_the_same_part_of_its_slice(mid_grey_run):
    y, x = np.mgrid[:600, :700].astype(np.uint16)
    image, label, probability = ((plane % 256).astype(np.uint8) for plane in (x + y, x, y))
    previews = Previews(mid_grey_run)
    assert previews.of_slice(7) is None
    previews.write(3, 7, probability)
    previews.write_slice(7, image, label)
    previews.write_slice(7, label, image)  # the first look is kept: it is always the same slice
    beside = previews.of_slice(7)
    (seen,) = previews.all()
    for path, plane in ((seen.path, probability), (beside.image, image), (beside.label, label)):
        assert (np.array(Image.open(path)) == plane[44:556, 94:606]).all()
