"""The course on a page: printed, it is one sheet of paper."""

from minnet import handouts
from tests.notebooks import LESSONS


def test_it_is_one_page(browser, tmp_path):
    path = tmp_path / "summary.html"
    path.write_text(handouts.summary([handouts._read(lesson) for lesson in LESSONS]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    page.close()
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1
