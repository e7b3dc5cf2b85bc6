"""The demo's parts that need no download: which frames are used, what a constant prediction is worth, the picture."""

import demo
import demo_frames
import numpy as np
import picture
import pytest
from conftest import write_images
from PIL import Image


@pytest.mark.parametrize("count", [3, 4, 10, 48, 100, 795])
def test_no_image_is_both_calibration_and_judged(count):
    calibration, held_out = demo_frames.split(list(range(count)))
    assert calibration and held_out
    assert max(calibration) < min(held_out)
    assert len(calibration) <= demo_frames.CALIBRATION and len(held_out) <= demo_frames.HELD_OUT
    assert len(set(calibration + held_out)) == len(calibration) + len(held_out)


def test_images_are_resized_and_stale_ones_removed(tmp_path):
    source = demo_frames.folder_images(write_images(tmp_path / "in", 6, 50, 70))
    (tmp_path / "out" / "calibration").mkdir(parents=True)
    (tmp_path / "out" / "calibration" / "stale.png").touch()
    folders = demo_frames.prepare(source, tmp_path / "out")
    assert [len(list(f.iterdir())) for f in folders] == [4, 2]
    assert all(Image.open(f).size == (480, 360) for folder in folders for f in folder.iterdir())


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="holds 2 JPEG or PNG images, at least 3 were expected"):
        demo_frames.folder_images(write_images(tmp_path, 2, 8, 8))
    with pytest.raises(SystemExit, match="holds 0"):
        demo_frames.folder_images(tmp_path / "absent")


def test_constant_agreement_is_the_share_of_the_commonest_class():
    maps = [np.array([[3, 3], [1, 0]]), np.array([[3, 1], [1, 3]])]
    assert demo.constant_agreement(maps) == pytest.approx(4 / 8)


def test_picture_shows_colours_differences_and_legend():
    before, after = np.zeros((20, 30), dtype=int), np.zeros((20, 30), dtype=int)
    before[:, :15] = 8
    after[:, :14] = 8
    panels = [picture.colour(before, 11), picture.colour(after, 11), picture.disagreement(before, after)]
    assert panels[0].getpixel((0, 0)) == picture.CAMVID["car"]
    assert panels[0].getpixel((29, 0)) == picture.CAMVID["sky"]
    assert panels[2].getpixel((14, 5)) == (0, 0, 0) and panels[2].getpixel((13, 5)) == (235, 235, 235)
    rows = [[(str(i), p) for i, p in enumerate(panels)]] * 2
    with_two, with_one = (picture.sheet(rows, present, 11, "heading") for present in ([0, 8], [0]))
    colours = {colour for _, colour in with_two.getcolors(maxcolors=1 << 16)}
    assert {picture.CAMVID["car"], picture.CAMVID["sky"]} <= colours
    assert with_two.tobytes() != with_one.tobytes()  # the legend follows the classes


@pytest.mark.parametrize("classes", [2, 19, 150])
def test_every_class_has_a_colour(classes):
    colours = [rgb for _, rgb in picture.palette(classes)]
    assert len(colours) == classes and len(set(colours)) > classes // 2
