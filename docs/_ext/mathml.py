"""Equations as MathML, which browsers draw by themselves: nothing is loaded."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def _inline(writer, node):
    writer.body.append(convert(node.astext()))
    raise SkipNode


def _block(writer, node):
    equation = convert(node.astext(), display="block")
    writer.body.append(f'<div class="equation" tabindex="0">{equation}</div>')
    raise SkipNode


def setup(app):
    """Add the renderer, which `html_math_renderer` chooses."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
