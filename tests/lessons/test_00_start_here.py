"""What lesson 00 says is what lesson 00 shows; what it says in general is tested with other seeds."""

import re

import numpy as np

import minnet as mn
from tests.lessons.running import printed, text
from tests.notebooks import LESSONS

LESSON = "00_start_here.ipynb"


def test_the_network_and_the_data_are_as_described(lesson):
    assert lesson.value("sum(p.size for p in net.params() if p.prunable)") == 2_720
    assert lesson.value("[len(digits.train), len(digits.val)]") == [1_078, 360]
    assert lesson.value("digits.image_shape") == [8, 8]
    assert lesson.value("mn.sparsity(net)") == 0.9


def test_most_is_lost_at_once_and_most_comes_back(claim, lesson):
    assert f"at once:    {lesson.value('pruned'):.0%}" in printed(lesson, "reveal")
    digits = mn.data.digits()
    others = []
    for seed in range(100, 108):
        net = mn.models.mlp(64, 32, 16, 10, rng=seed)
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
        whole = mn.accuracy(net, digits.val)
        mn.prune(net, 0.9)
        pruned = mn.accuracy(net, digits.val)
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
        others.append([whole, pruned, mn.accuracy(net, digits.val)])
    for whole, pruned, again in (np.transpose(others), lesson.value("[whole, pruned, again]")):
        claim.every(whole, above=0.9)
        claim.every(pruned, below=0.5)  # "fewer than half"
        claim.every(again, above=0.8)  # "most digits again"
        claim.every((again - pruned) / (whole - pruned), above=0.5)  # "a large part of the loss"


def test_the_answer_does_not_stand_under_the_question(lesson):
    explanation = text(lesson, "reveal-text")
    assert explanation.startswith("<details><summary><b>After you have run the cells above</b></summary>\n\n")
    assert explanation.endswith("\n\n</details>")


def test_the_checkup_finds_all_it_needs(lesson):
    assert lesson.value("[line.what for line in mn.checkup().lines if not line.fine and line.what != 'speed']") == []


def test_the_playground_does_what_the_steps_say(claim, lesson):
    steps = text(lesson, "playground-text")
    lesson.run("named = {button.description: button for button in playground.buttons}")
    lesson.run("train, prune, undo = (named[name] for name in ('Train', 'Prune', 'Undo'))")
    for name in ("Train", "Prune", "Undo"):
        assert f"**{name}**" in steps
    assert lesson.value("playground.shown.here.sparsity") == 0
    lesson.run("train.click(); playground.wait(60); playground.set(percent=80, epochs=5)")
    assert lesson.value("playground.experiment.tried") == {} and lesson.value("playground.shown.here.sparsity") == 0.8
    assert "Set *Sparsity* to 90" in steps
    lesson.run("playground.set(percent=90); prune.click(); playground.wait(60); one = playground.shown.here")
    lesson.run("playground.set(criterion='random'); prune.click(); playground.wait(60)")
    lesson.run("playground.set(beside=1)")
    assert lesson.value("len(playground.experiment.tried)") == 2
    assert lesson.value("playground.shown.beside.accuracy == one.accuracy")
    claim.every(lesson.value("one.accuracy - playground.shown.here.accuracy"), above=0.1)  # "what do you lose?"
    lesson.run("undo.click()")
    assert lesson.value("len(playground.experiment.tried)") == 1 and lesson.value("playground.shown.number") == 1
    assert "**neurons / filters**; now a unit is a neuron. Set *Sparsity* to 50 and press **Prune**" in steps
    lesson.run("playground.set(structure='neurons / filters', percent=50); prune.click(); playground.wait(60)")
    lesson.run("here = playground.shown.here")
    assert lesson.value("all((mask.all(0) == mask.any(0)).all() for mask in here.masks.values())")  # columns
    assert lesson.value("here.used == sum(int(each.sum()) for each in here.there.values()) < here.kept")  # and rows
    assert lesson.value("here.bytes['sparse'] < here.bytes['whole']")
    assert lesson.value("here.used > one.used and here.bytes['sparse'] > one.bytes['sparse']")
    lesson.run("named['Save as a page'].click()")
    assert lesson.value("__import__('os').path.getsize('playground.html') > 10_000")
    for control in lesson.value("[playground.control[name].description for name in playground.recorded]"):
        assert f"*{control.split(' (')[0]}*" in steps.split("recording")[1]
    assert lesson.value("playground.errors") == []


def test_the_map_names_every_lesson_in_order(lesson):
    linked = re.findall(r"\]\((\d\d_[a-z_0-9]+\.ipynb)\)", text(lesson, "map"))
    assert [LESSON, *linked] == [path.name for path in LESSONS]


def test_what_is_solved_is_shown(lesson):
    before = lesson.value("mn.progress().solved")
    lesson.run('mn.check("00.left", 1004)')
    assert lesson.value("mn.progress().solved") >= max(before, 1)
