"""Lesson 05 in JupyterLab, by keyboard: the explorer responds to every control, and what is cut stays cut."""

import pytest


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook("lessons/05_pruning_is_not_dropout.ipynb")
    notebook.run_all(seconds=600)
    return notebook


def explorer(notebook):
    """The explorer, scrolled into view: outside the window it has no text yet."""
    box = notebook.page.locator(".minnet-explorer").first
    box.evaluate("element => element.scrollIntoView()")
    notebook.settle()
    return box


def test_both_networks_by_keyboard(notebook):
    box = explorer(notebook)
    image, sentence, table = box.locator(".widget-image"), box.locator("[role=status]"), box.locator("table")
    seen = {notebook.fingerprint(image)}
    assert sentence.inner_text().startswith("Step 1.")

    def changed():
        new = notebook.fingerprint(image)
        assert new not in seen
        seen.add(new)

    first = sentence.inner_text()
    notebook.press(notebook.slider("Training step"), "ArrowRight")
    assert sentence.inner_text().startswith("Step 2.") and sentence.inner_text() != first
    changed()
    assert notebook.value("twins.shown.step") == 2

    notebook.press(notebook.slider("Fraction"), *["ArrowRight"] * 5)
    assert notebook.value("twins.shown.fraction") == 25
    assert "dropout 25 %" in table.inner_text() and "a preview" in table.inner_text()
    changed()

    for label, key in (("weights", "Space"), ("predict", "Enter"), ("neurons", "Space")):
        notebook.press(box.get_by_role("button", name=label, exact=True), key)
        changed()
    assert "connections are all back: 50,000 of 50,000" in sentence.inner_text()

    notebook.press(box.get_by_role("button", name="Cut", exact=True), "Enter")
    assert "pruned and cut" in table.inner_text() and "40×150, 150×150, 150×10" in table.inner_text()
    changed()
    for handle in (notebook.slider("Fraction"), notebook.slider("Training step")):
        notebook.press(handle, "Home")
    notebook.press(box.get_by_role("button", name="Reset", exact=True), "Enter")
    assert notebook.value("twins.shown.pruning.used") == 40 * 150 + 150 * 150 + 150 * 10
    assert "what was cut is gone" in box.locator("[role=alert]").inner_text()
    assert notebook.value("twins.shown.fraction") == 20
    assert notebook.value("[str(error) for error in twins.errors]") == []
    assert notebook.problems() == []


def test_play_goes_through_the_steps(notebook):
    box = explorer(notebook)
    play, stop, _ = box.locator(".widget-play button").all()
    notebook.press(play, "Enter")
    notebook.page.wait_for_function(
        "() => /^Step [3-9]/.test(document.querySelector('.minnet-explorer [role=status]').innerText)")
    assert notebook.value("twins.state['step']") >= 3
    notebook.press(stop, "Enter")
    assert notebook.problems() == []


def test_everything_fits_without_a_scrollbar(notebook):
    explorer(notebook)
    wide = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.className)"
    assert notebook.page.locator(".minnet-explorer, .minnet-explorer .widget-box").evaluate_all(wide) == []


def test_after_training_the_new_numbers_are_in_sight(notebook):
    box, page = explorer(notebook), notebook.page
    table, before = box.locator("table"), box.locator("table tr").nth(1).inner_text()
    box.get_by_role("button", name="Train both", exact=True).focus()
    page.keyboard.press("Enter")
    box.get_by_text("trained with it: 1,875 steps").wait_for(timeout=120_000)
    notebook.settle()
    assert notebook.value("twins.state['step']") == 1875
    assert table.locator("tr").nth(1).inner_text() != before
    assert box.locator("[role=status]").inner_text().startswith("Step 1,875.")
    notebook.press(notebook.slider("Fraction"), "ArrowRight")
    assert box.locator("[role=status]").inner_text().startswith("Step 1.")
    assert box.get_by_text("not yet trained with it").count() == 1
    assert notebook.problems() == []


def test_training_runs_behind_the_controls(notebook):
    box, page = explorer(notebook), notebook.page
    cancel = box.get_by_role("button", name="Cancel", exact=True)
    box.get_by_role("button", name="Train both", exact=True).focus()
    page.keyboard.press("Enter")
    box.get_by_text("training: step").wait_for()
    notebook.slider("Training step").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    box.locator("[role=status]", has_text="Step 3.").wait_for()
    assert cancel.is_enabled()  # so it still trains
    cancel.focus()
    page.keyboard.press("Enter")
    box.get_by_text("training: step").wait_for(state="detached")
    notebook.settle()
    assert notebook.value("twins.wait(60)") and not notebook.value("twins.job.running")
    assert notebook.value("len(twins.experiment.records[('dropout', 20)]) <= twins.experiment.epochs")
    assert notebook.problems() == []
