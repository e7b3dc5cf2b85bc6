"""Draws segmentations: rows of panels (frames and class maps) with a legend of the classes that occur."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CAMVID = {
    "sky": (128, 160, 200),
    "building": (130, 60, 60),
    "pole": (222, 210, 150),
    "road": (130, 80, 140),
    "pavement": (230, 120, 220),
    "tree": (90, 140, 40),
    "sign": (240, 200, 0),
    "fence": (90, 90, 150),
    "car": (20, 60, 200),
    "pedestrian": (230, 40, 60),
    "bicyclist": (0, 190, 200),
}
GAP, TITLE, INK, PAPER = 12, 30, (30, 30, 30), (255, 255, 255)


def palette(classes: int) -> list[tuple[str, tuple[int, int, int]]]:
    """CamVid's names and colours for 11 classes, else numbers and well-spread hues."""
    if classes == len(CAMVID):
        return list(CAMVID.items())
    hues = [(int(255 * (0.618034 * k % 1)), 170, 110 + 100 * (k % 2)) for k in range(classes)]
    return [(f"class {k}", Image.new("HSV", (1, 1), hue).convert("RGB").getpixel((0, 0))) for k, hue in enumerate(hues)]


def colour(labels: np.ndarray, classes: int) -> Image.Image:
    return Image.fromarray(np.array([rgb for _, rgb in palette(classes)], dtype=np.uint8)[labels])


def disagreement(before: np.ndarray, after: np.ndarray) -> Image.Image:
    """Black where two class maps differ, on light grey."""
    return Image.fromarray(np.where(before == after, 235, 0).astype(np.uint8)).convert("RGB")


def sheet(rows: list[list[tuple[str, Image.Image]]], present: list[int], classes: int, heading: str) -> Image.Image:
    """Rows of titled panels, all of one size, under a heading and above the legend."""
    font, large = ImageFont.load_default(15), ImageFont.load_default(18)
    width, height = rows[0][0][1].size
    columns = len(rows[0])
    total = columns * (width + GAP) + GAP
    chips = [palette(classes)[k] for k in present]
    chip_widths = [26 + int(font.getlength(name)) + 18 for name, _ in chips]
    lines, used = 1, GAP
    for w in chip_widths:
        if used + w > total - GAP:
            lines, used = lines + 1, GAP
        used += w
    page = Image.new("RGB", (total, 42 + len(rows) * (height + TITLE) + GAP + 28 * lines), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((GAP, 12), heading, INK, large)
    for r, row in enumerate(rows):
        for c, (title, panel) in enumerate(row):
            x, y = GAP + c * (width + GAP), 42 + r * (height + TITLE)
            pen.text((x, y + 6), title, INK, font)
            page.paste(panel, (x, y + TITLE))
    x, y = GAP, 42 + len(rows) * (height + TITLE) + GAP
    for (name, rgb), w in zip(chips, chip_widths):
        if x + w > total - GAP:
            x, y = GAP, y + 28
        pen.rectangle((x, y, x + 18, y + 18), rgb, INK)
        pen.text((x + 25, y), name, INK, font)
        x += w
    return page
