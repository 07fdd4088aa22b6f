"""Draw what each idea is worth, from the tables of benchmarks/RESULTS.md.

    python docs/draw_ideas.py

writes docs/drawings/ideas.svg, whose colours are those of the page. It reads the
tables whose first column is called "without", as benchmarks/ablation.py prints them: of
each set the first one in the file.
"""

import math
import re
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
NAMES = {"grey level": "grey level kept", "medical": "medical_mnist6", "mnist": "MNIST"}
COLOURS = ("dots-a", "dots-b", "dots-c", "dots-d", "dots")
LEFT, RIGHT, TOP, ROW = 290, 605, 64, 34  # pixels of the drawing


def purities():
    """Purity without each idea, by set; the first row is of nothing left out."""
    sets, name, columns = {}, "", {}
    for text in (HERE / "../benchmarks/RESULTS.md").read_text().splitlines():
        if told := re.match(r"(\w+): [\d,]+ images", text):
            name = told[1]
        cells = [cell.strip() for cell in text.split("|")[1:-1]]
        if not cells:
            columns = {}
        elif cells[0] == "without":
            columns = {
                place: cell.removesuffix("purity").strip() or name
                for place, cell in enumerate(cells)
                if cell.endswith("purity")
            }
            columns = {place: of for place, of in columns.items() if of not in sets}
            sets |= {of: {} for of in columns.values()}
        elif columns and re.match(r"[\d.]+", cells[1]):
            for place, of in columns.items():
                sets[of][cells[0]] = float(re.match(r"[\d.]+", cells[place])[0])
    return sets


def losses(sets):
    """Rows of (idea, percentage points lost of each set), the most valuable first."""
    shipped, *ideas = next(iter(sets.values()))
    rows = [
        (idea, [100 * (found[shipped] - found[idea]) for found in sets.values()])
        for idea in ideas
    ]
    return sorted(rows, key=lambda row: -sum(row[1]))


def drawing(sets):
    """The figure as SVG."""
    rows = losses(sets)
    values = [value for _, each in rows for value in each]
    low, high = math.floor(min(0, *values)), math.ceil(max(values))
    bottom = TOP + ROW * len(rows)

    def x(points):
        return LEFT + (points - low) / (high - low) * (RIGHT - LEFT)

    told = "; ".join(f"{idea} {sum(each) / len(each):.1f}" for idea, each in rows)
    about = f"Percentage points of purity lost without it, mean of {len(sets)} sets"
    parts = [
        f'<svg class="drawing" viewBox="0 0 620 {bottom + 46}" role="img"',
        ' aria-labelledby="ideas-title ideas-about"',
        ' xmlns="http://www.w3.org/2000/svg">',
        '<title id="ideas-title">What each idea is worth</title>',
        f'<desc id="ideas-about">{about}: {escape(told)}.</desc>',
    ]
    place = 12
    for colour, name in zip(COLOURS, sets, strict=False):
        shown = NAMES.get(name, name)
        parts.append(
            f'<g class="{colour}"><circle cx="{place}" cy="20" r="5"/></g>'
            f'<text class="note" x="{place + 12}" y="25">{escape(shown)}</text>'
        )
        place += 44 + 8 * len(shown)
    parts.append(
        f'<rect class="bar" x="{place}" y="13" width="24" height="14"/>'
        f'<text class="note" x="{place + 32}" y="25">mean</text>'
    )
    step = max(1, (high - low) // 6)
    parts += [
        f'<path class="{"grid" if tick else "zero"}" '
        f'd="M{x(tick):.1f} {TOP - 14} V{bottom}"/>'
        f'<text class="note" x="{x(tick):.1f}" y="{bottom + 20}" '
        f'text-anchor="middle">{str(tick).replace("-", "−")}</text>'
        for tick in range(math.ceil(low / step) * step, high + 1, step)
    ]
    for number, (idea, each) in enumerate(rows):
        y = TOP + ROW * number + 4
        start, end = sorted((x(0), x(sum(each) / len(each))))
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 5}" text-anchor="end">'
            f"{escape(NAMES.get(idea, idea))}</text>"
            f'<rect class="bar" x="{start:.1f}" y="{y - 8}" '
            f'width="{end - start:.1f}" height="16"/>'
        )
        parts += [
            f'<g class="{colour}"><circle cx="{x(value):.1f}" cy="{y}" r="5"/></g>'
            for colour, value in zip(COLOURS, each, strict=False)
        ]
    parts.append(
        f'<text class="note" x="608" y="{bottom + 42}" text-anchor="end">'
        "purity lost without it, percentage points</text></svg>"
    )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (HERE / "drawings/ideas.svg").write_text(drawing(purities()))
