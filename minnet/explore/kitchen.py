"""Where the recipes of the playground are cooked: data, networks before and after, and what each of them is worth.

What takes long is done once and kept: a data set is loaded, a whole network trained, a ranking made and an outcome
measured when it is first asked for.  The kitchen knows no controls.
"""

from __future__ import annotations

from minnet.explore import menu
from minnet.explore.appraisal import appraise
from minnet.pruning.ranking import rank


class Kitchen:
    """Everything that has been trained and pruned so far.

    Attributes
    ----------
    tried : dict of {Recipe: Layer}
        The networks that came out, in the order of trying.  A background job adds to them while the explorer looks
        at them, so this dict is never changed, but replaced by another.
    """

    def __init__(self):
        self.tried = {}
        self._trained, self._untrained = {}, {}  # whole networks by (subject, seed)
        self._data, self._rankings, self._outcomes = {}, {}, {}

    def take_over(self, other):
        """Have what another kitchen has trained and pruned."""
        self._trained, self.tried = dict(other._trained), other.tried

    def data(self, recipe):
        """The data of a recipe; loaded once."""
        code = recipe.subject.data
        if code not in self._data:
            self._data[code] = menu.evaluate(code)
        return self._data[code]

    def trained(self, recipe):
        """Whether the whole network of a recipe has learned yet."""
        return (recipe.subject, recipe.seed) in self._trained

    def dense(self, recipe):
        """The whole network of a recipe, trained if it has been trained."""
        key = recipe.subject, recipe.seed
        if key not in self._trained and key not in self._untrained:
            self._untrained[key] = recipe.untrained()
        return self._trained.get(key) or self._untrained[key]

    # ---- what a recipe is worth ---------------------------------------------------------------------

    def whole(self, recipe):
        """The `Outcome` of the whole network."""
        return self._outcome(recipe, self.dense(recipe))

    def result(self, recipe):
        """The `Outcome` of a recipe that was tried."""
        return self._outcome(recipe, self.tried[recipe])

    def preview(self, recipe):
        """The `Outcome` of a recipe before any retraining; where it cannot be followed, a text that says why."""
        dense = self.dense(recipe)
        key = *recipe._replace(percent=0, rounds=0, epochs=0, schedule=""), dense
        if key not in self._rankings:
            self._rankings[key] = self._rank(recipe)
        ranking = self._rankings[key]
        if isinstance(ranking, str):
            return ranking
        net = dense.copy()
        for path, mask in ranking.masks(recipe.percent / 100).items():
            next(param for param in net.params() if param.path == path).mask = mask
        return self._outcome(recipe, net, (key, recipe.percent))

    def _rank(self, recipe):
        """The ranking of a recipe, or why there is none."""
        how = {word: menu.evaluate(code) for word, code in recipe.how.items()}
        try:
            return rank(self.dense(recipe), data=self.data(recipe).train, rng=recipe.seed, **how)
        except ValueError as error:
            return recipe.refusal(error)

    def _outcome(self, recipe, net, key=None):
        """What a network is worth; measured once."""
        key = id(net) if key is None else key
        if key not in self._outcomes:
            self._outcomes[key] = net, appraise(net, self.dense(recipe), self.data(recipe).val)
        return self._outcomes[key][1]

    # ---- work that takes a while --------------------------------------------------------------------

    def learn(self, recipe):
        """Train the whole network; yields the fraction done."""
        net = recipe.untrained()
        yield from recipe.learn(net, self.data(recipe))
        self._trained[recipe.subject, recipe.seed] = net

    def cook(self, recipe):
        """Prune and retrain a copy of the whole network, which has learned before; yields the fraction done."""
        net = self.dense(recipe).copy()
        yield from recipe.cook(net, self.data(recipe))
        self.tried = {each: cooked for each, cooked in self.tried.items() if each != recipe} | {recipe: net}

    def forget_last(self):
        """As if the recipe that was tried last had not been tried."""
        self.tried = dict(list(self.tried.items())[:-1])
