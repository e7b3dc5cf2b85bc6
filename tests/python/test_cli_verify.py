"""`sirfp verify` with labels, against a confusion matrix counted in numpy."""

import numpy as np
import photos
import pytest
import tiny_networks
import torch
from PIL import Image
from sirfp_program import good, refused, run

VOID = 11


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    tiny_networks.tiny(folder / "net.pt")
    tiny_networks.tiny(folder / "other.pt", seed=3)
    images = photos.folder(folder / "images", 5)
    (folder / "labels").mkdir()
    random = np.random.default_rng(0)
    for image in sorted(images.iterdir()):
        labels = prediction(folder / "net.pt", image).astype(np.uint8)
        labels[random.random(labels.shape) < 0.3] = 2  # so that the network is right often, but not always
        labels[random.random(labels.shape) < 0.1] = VOID
        labels[labels == 4] = 0  # class 4 does not occur in the labels
        map_of(labels, paletted=image.suffix == ".jpg").save(folder / "labels" / f"{image.stem}.png")
    return folder


def map_of(labels, paletted):
    image = Image.fromarray(labels, "P" if paletted else "L")
    if paletted:
        image.putpalette([value for i in range(256) for value in (i * 7 % 256, i * 13 % 256, 255 - i)])
    return image


def prediction(net, image):
    with torch.inference_mode():
        return tiny_networks.load(net)(photos.network_input(image)).argmax(1)[0].numpy()


def confusion(work, net, classes):
    counts = np.zeros((classes, tiny_networks.CLASSES), dtype=np.int64)
    for image in sorted((work / "images").iterdir()):
        labels = np.asarray(Image.open(work / "labels" / f"{image.stem}.png"))
        predicted = prediction(net, image)
        for label, guess in zip(labels[labels != VOID], predicted[labels != VOID]):
            counts[label, guess] += 1
    return counts


def test_scores_are_those_of_numpy(work):
    result = good("verify", work / "net.pt", work / "other.pt", "--images", work / "images", "--labels", work / "labels", "--ignore", VOID)
    for which, name in (("before", "net.pt"), ("after", "other.pt")):
        counts = confusion(work, work / name, tiny_networks.CLASSES)
        union = counts.sum(0) + counts.sum(1) - counts.diagonal()
        iou = [c / u if u else None for c, u in zip(counts.diagonal(), union)]
        assert result["class_iou"][which] == pytest.approx(iou, abs=2e-3)
        assert result["mean_iou"][which] == pytest.approx(np.mean([v for v in iou if v is not None]), abs=2e-3)
        assert result["pixel_accuracy"][which] == pytest.approx(counts.diagonal().sum() / counts.sum(), abs=2e-3)
    assert result["mean_iou"]["before"] > result["mean_iou"]["after"] + 0.1
    same = np.mean([np.mean(prediction(work / "net.pt", i) == prediction(work / "other.pt", i)) for i in (work / "images").iterdir()])
    assert result["agreement"]["share"] == pytest.approx(same, abs=1e-3)
    assert result["agreement"]["pixels"] == 5 * 48 * 64


def test_one_network_alone(work):
    labels = ("--labels", work / "labels", "--ignore", VOID)
    result = good("verify", work / "net.pt", work / "net.pt", "--images", work / "images", *labels)
    assert result["mean_iou"]["before"] == result["mean_iou"]["after"] and result["agreement"]["share"] == 1
    text = run("verify", work / "net.pt", work / "net.pt", "--images", work / "images", *labels).stdout
    assert "mIoU" in text and "class 4" in text


def test_void_as_last_class_is_not_scored(work, tmp_path):
    """With --ignore 4, the last of five outputs: predictions of it are wrong, and it is no class of its own."""
    (tmp_path / "labels").mkdir()
    for path in (work / "labels").iterdir():
        labels = np.asarray(Image.open(path)).copy()
        labels[labels == VOID] = 4
        Image.fromarray(labels).save(tmp_path / "labels" / path.name)
    result = good("verify", work / "net.pt", work / "other.pt", "--images", work / "images", "--labels", tmp_path / "labels", "--ignore", 4)
    counts = confusion(work, work / "net.pt", 4)
    union = counts.sum(1) + counts.sum(0)[:4] - counts[:, :4].diagonal()
    assert result["class_iou"]["before"] == pytest.approx(list(counts[:, :4].diagonal() / union), abs=2e-3)


def test_labels_that_do_not_fit_are_refused(work, tmp_path):
    def verify(labels, *more):
        return refused(2, "verify", work / "net.pt", work / "other.pt", "--images", work / "images", "--labels", labels, *more)

    assert "expected a class 0..4 or the ignored value 255" in verify(work / "labels")
    (tmp_path / "labels").mkdir()
    assert "000.png: no such file" in verify(tmp_path / "labels", "--ignore", VOID)
    assert "no such folder" in verify(tmp_path / "absent", "--ignore", VOID)
    for path in (work / "labels").iterdir():
        Image.open(path).save(tmp_path / "labels" / path.name)
    wrong = np.zeros((48, 64), dtype=np.uint8)
    wrong[7, 9] = 200
    Image.fromarray(wrong).save(tmp_path / "labels" / "002.png")
    line = verify(tmp_path / "labels", "--ignore", VOID)
    assert "002.png: value 200 at row 7, column 9" in line
    Image.fromarray(wrong[:24]).save(tmp_path / "labels" / "002.png")
    assert "002.png: 24x64, expected the 48x64 of its image 002.png" in verify(tmp_path / "labels", "--ignore", VOID)
    Image.fromarray(np.zeros((48, 64, 3), dtype=np.uint8)).save(tmp_path / "labels" / "002.png")
    assert "8-bit grey or palette PNG" in verify(tmp_path / "labels", "--ignore", VOID)


def test_outputs_of_other_shapes_are_refused(work, tmp_path):
    net = tiny_networks.randomise(tiny_networks.Tiny(), 0)
    net.head = torch.nn.Conv2d(20, 7, 1)
    tiny_networks.write(net, tmp_path / "seven.pt")
    line = refused(2, "verify", work / "net.pt", tmp_path / "seven.pt", "--images", work / "images")
    assert "seven.pt" in line and "[1, 7, 48, 64]" in line and "[1, 5, 48, 64]" in line
