"""How rarely Python looks for circles among all objects: the loop stands still meanwhile."""

import gc

# Python's own ten let it look at all there is again and again while subscribers come: with a
# thousand of them it takes 0.1 s, with five thousand half a second. With so many it looks once two
# million objects have come to stay. There is little to find, as what is over here holds nobody who
# holds it, and among the young it is looked for as often as ever.
COLLECTIONS_OF_THE_YOUNG = 300


def look_rarely() -> None:
    """Look at what is there now never again, and at all that comes from now on but rarely."""
    gc.freeze()
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, COLLECTIONS_OF_THE_YOUNG)
