"""handler/server/lasting.py: time that counts only while somebody looks."""

from handler.server.lasting import Lasting


def test_what_lasts_is_counted_from_the_look_before_which_it_did_not():
    lasting = Lasting(2.0)
    looks = [(10.0, True), (11.0, True), (12.5, True), (13.0, False), (14.0, True)]
    assert [lasting.look(now, lasts=lasts) for now, lasts in looks] == [0.0, 1.0, 2.5, 0.0, 1.0]


def test_of_a_time_in_which_nobody_could_look_little_counts():
    lasting = Lasting(2.0)
    looks = [(0.0, False), (1.0, True), (601.0, True), (602.0, True)]
    assert [lasting.look(now, lasts=lasts) for now, lasts in looks] == [0.0, 1.0, 3.0, 4.0]
