"""Where the numbers in a lesson's text come from.

A number in Markdown is one that the lesson's code sets, one that a nearby cell prints, or one of `ELSEWHERE`. So a
number that a cell prints only on some computers is found as soon as the lesson runs on another one.
"""

import re

NEARBY = 8  # cells before and behind
SMALL = 3   # "one or two", "3 lines": no measurement

# What is neither set nor printed in the lesson: {lesson: {cell: {what it is: the numbers}}}. Nothing that is measured.
ELSEWHERE = {
    "00": {"first-text": {"weights of 64-32-16-10": "2,720", "sizes of the data set": "1,078 360"},
           "exercise-1": {"asked": "50,200 98"}},
    "01": {"counted-text": {"ages, cited [1]": "16 72 74 90"}, "careful-text": {"cited [1]": "21"}},
    "02": {"downhill-text": {"weights and biases of 2-8-2": "42", "millions in AlexNet, cited [5]; twice": "61 122"},
           "wrong-text": {"weights and biases of 2-8-2": "42"}},
    "03": {"motivation": {"cited [1]": "21"}, "digits-text": {"size of the data set": "1,797"},
           "explorer-text": {"batch of the explorer": "256"}, "larger-text": {"weights of 64-300-100-10": "50,200"},
           "han": {"cited [2]": "138 267,000 22,000 61 6.7 42.78 42.77 10.3 31.50 31.34 784 28"},
           "lost-see-text": {"360 images of 10 digits": "36"}, "pitfalls": {"an example": "80", "1 − 0.8⁵": "67"},
           "exercise-1-after": {"cited [2]": "26"}},
    "04": {"bytes-after": {"a batch of the explorer": "1,024"}, "when": {"cited [5]": "27 71"}},
    "05": {"signals-text": {"the last digit": "9"}, "plain-text": {"weights of 40-200-200-10": "50,000"},
           "gone-after": {"counted in the text": "80 6,800 16,480"}, "explorer-text": {"a setting to try": "60"},
           "exercise-1": {"weights of 40-200-200-10": "50,000"}, "exercise-3": {"asked": "60"}},
    "06": {"price-text": {"printed by `neurons`": "2,778"}, "time-after": {"size of the validation set": "360"},
           "pitfall-compare": {"weights of a filter: 1·9, 8·9, 16·9": "9 72 144"}},
    "07": {"networks-text": {"weights of 64-32-16-10": "2,720"}, "agreement-after": {"60 % of 2,720": "1,632"},
           "judge-text": {"360 − 20": "340"}},
    "08": {"three-text": {"2 % of 50,200": "1,004"}, "guess-text": {"2 % of 50,200": "1,004"},
           "shuffle-why": {"5 % of 50,200": "2,510"}},
    "09": {"network-text": {"weights of 64-300-100-10": "50,200"}, "guess-text": {"2 % of 50,200": "1,004"},
           "why-text": {"weights of 64-300-100-10": "50,200"},
           "why-after": {"held by `test_the_bottleneck_is_in_the_middle`": "50"},
           "controls-text": {"2 % of 50,200": "1,004"}},
    "10": {"look-after": {"cited [2]": "500"}, "explorer-text": {"a step to look at": "50"},
           "more-pitfalls": {"cited [2]": "500 65.9 75.2 65.6 75.0"}},
    "11": {"task-after": {"held by `test_the_task`": "41"}, "papers": {"cited [3]–[6]": "20 40 96 38 40"}},
    "12": {"explorer-text": {"a setting to try": "99"}},
    "13": {"motivation": {"cited [8]": "150"}, "large-more": {"a ratio": "4", "cited [3], [5]": "48 38 71"}},
}

# Cells that quote a committed result of a benchmark, and the test that compares each of their figures with it.
BENCHMARKS = {
    ("05", "reveal-text"): "test_the_lesson_quotes_the_results",
    ("10", "full-text"): "test_the_figures_in_the_sentences_are_those_of_the_results",
    ("10", "early-text"): "test_the_lead_by_learning_rate",
    ("10", "fair-after"): "test_the_figures_of_the_tables_are_those_of_the_results",
    ("11", "look-up-after"): "test_one_head_is_needed_and_layer_2_is_not_head_by_head",
    ("11", "criteria-after"): "test_the_table_of_the_digits_is_the_benchmarks",
    ("12", "table"): "test_the_table_is_that_of_the_committed_benchmark",
    ("12", "summary"): "test_what_the_text_reads_from_the_table",
}

_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.,])\d+(?:\.\d+)?(?!\w)")
_NOT_MEASURED = [
    r"```.*?```", r"`[^`]*`", r"\$\$.*?\$\$", r"\$[^$]*\$",     # code, formulas
    r"<[^>]*>", r"\]\([^)]*\)", r"\[\d+\]",                      # links, references to sources
    r"\*한국어.*?\*", r"^# [^\n]*$", r"^\s*\d+\. ",                   # Korean lines, titles, numbered lists
    r"(?i)\b(?:lessons?|steps?|exercise|part|figure|table) \d+(?: (?:and|to|or) \d+)?",
    r"\b(?:about )?\d+ minutes\b", r"\b(?:1[89]|20)\d\d\b",       # what a lesson takes, years
]


def numbers(text):
    """The numbers in a text, as they stand there."""
    return _NUMBER.findall(text)


def numbers_in_prose(text):
    """The numbers of a Markdown cell that tell a result, a size or a setting."""
    for pattern in _NOT_MEASURED:
        text = re.sub(pattern, " ", text, flags=re.DOTALL | re.MULTILINE)
    return [number for number in numbers(text) if value(number) > SMALL]


def value(number):
    return float(number.replace(",", ""))


def says(number, found):
    """Is this what a measurement looks like in the text, which may give fewer digits?"""
    return any(round(each, len(number.partition(".")[2])) == value(number) for each in found)


def unexplained(notebook, lesson):
    """[(cell, number)] of a lesson that has run: the numbers in its text that come from nowhere."""
    code = " ".join(cell.source.replace("_", "") for cell in notebook.cells if cell.cell_type == "code")
    settings = [value(number) for number in numbers(re.sub(r"[^\d.,]", " ", code))]
    settings += [round(100 * each, 6) for each in settings]     # 0.98 is 98 %
    printed = [[value(number) for number in numbers(_printed(cell))] for cell in notebook.cells]
    found = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or cell.id == "sources" or (lesson, cell.id) in BENCHMARKS:
            continue
        known = " ".join(ELSEWHERE.get(lesson, {}).get(cell.id, {}).values()).split()
        nearby = sum(printed[max(0, place - NEARBY) : place + NEARBY + 1], settings)
        found += [(cell.id, number) for number in numbers_in_prose(cell.source)
                  if number not in known and not says(number, nearby)]
    return found


def _printed(cell):
    shown = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        shown += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return " ".join(re.sub(r"(\d)[%×]", r"\1 ", each) for each in shown)
