"""What belongs to other libraries: links to their pages, and methods left to them."""

from docutils.nodes import reference

_LEFT_OUT = ("sklearn", "torch")  # whose methods are not repeated here
_PAGES = {
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{}.html",
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{}.html",
}
_ROOMS = ("", "metrics.", "review.", "objectives.")


def _skip_inherited(app, what, name, obj, skip, options):
    """Leave out what a class inherits from another library, with its references."""
    module = getattr(obj, "__module__", None) or ""
    if module.split(".")[0] in _LEFT_OUT or name.endswith("_request"):
        return True
    return None


def _link(app, env, node, content):
    """Link a name of another library, or one of ours by its short or longer name."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    page = _PAGES.get(target.split(".")[0])
    if page is not None:
        link = reference("", "", internal=False, refuri=page.format(target))
        link.append(content)
        return link
    short = target.removeprefix("skdeepcluster.").removeprefix("archive.")
    python = env.domains["py"]
    for room in _ROOMS:
        name = f"skdeepcluster.{room}{short}"
        if name in python.objects:
            return python.resolve_xref(
                env, node["refdoc"], app.builder, "obj", name, node, content
            )
    return None


def setup(app):
    """Connect both."""
    app.connect("autodoc-skip-member", _skip_inherited)
    app.connect("missing-reference", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
