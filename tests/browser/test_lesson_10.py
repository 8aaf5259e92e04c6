"""Lesson 10 in a browser: a ticket is found, and its rounds and rivals are looked at, by keyboard."""

import base64

import pytest

LESSON = "lessons/10_lottery_tickets.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    notebook.show("mn.explore.tickets(")
    return notebook


def test_a_learner_finds_a_ticket_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    number = box.locator(".noUi-handle").first

    def agrees():
        left, picture = notebook.value(
            "[explorer.shown.left, __import__('base64').b64encode(explorer.png()).decode()]")
        assert (f"{left:,} weights left" if left else "not found yet") in sentence.inner_text()
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    pictures = [agrees()]
    notebook.press(box.get_by_role("button", name="Find the ticket"), "Enter")
    notebook.press(number, "Home")  # the controls answer while it trains
    assert notebook.value("explorer.state['round']") == 0
    assert "50,000 weights left" in sentence.inner_text()
    assert notebook.value("explorer.wait(300)")
    notebook.settle()
    notebook.press(number, "End")
    pictures.append(agrees())
    assert "4,000 weights left" in sentence.inner_text()
    assert "Points by which the ticket leads" in sentence.inner_text()
    notebook.press(box.get_by_role("button", name="random mask"), "Enter")
    assert notebook.value("explorer.state['start']") == "random mask"
    pictures.append(agrees())
    notebook.press(number, "ArrowLeft", "ArrowLeft")
    assert notebook.value("explorer.state['round']") == 10
    pictures.append(agrees())
    notebook.press(box.get_by_role("button", name="shuffled"), "Enter")
    assert "not found yet" in sentence.inner_text()
    pictures.append(agrees())
    assert len(set(pictures)) == 5
    assert notebook.problems() == []
