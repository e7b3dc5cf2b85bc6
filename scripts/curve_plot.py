"""A small line plot as SVG, so that pages need no plotting library."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 56, 44, 16, 130
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad")


def svg(series: dict[str, list[tuple[float, float]]], x_label: str, y_label: str, y_range: tuple[float, float]) -> str:
    """One line a series, x from 0 to 1; its name stands at its right end."""

    def x_of(x: float) -> float:
        return LEFT + x * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        low, high = y_range
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    for tick in range(0, 11, 2):
        x = x_of(tick / 10)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick / 10:g}</text>')
    low, high = y_range
    for step in range(6):
        value = low + (high - low) * step / 5
        y = y_of(value)
        parts.append(f'<line x1="{LEFT}" x2="{x_of(1):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for (name, points), colour in zip(series.items(), COLOURS):
        points = sorted(points)
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{x_of(1) + 8:.1f}" y="{y_of(points[-1][1]) + 4:.1f}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{x_of(0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{x_label}</text>')
    middle = y_of((low + high) / 2)
    turned = f'transform="rotate(-90 14 {middle:.1f})"'
    parts.append(f'<text x="14" y="{middle:.1f}" text-anchor="middle" {turned}>{y_label}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
