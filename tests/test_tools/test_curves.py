# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Curves that eval_wsol.py draws."""


def test_no_curve_hides_another(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(repo / 'tools' / 'analysis_tools')
    from _curves import curve_styles

    curves = dict(
        top1_loc=[1.0, 2.0], top5_loc=[1.0, 2.2], top1_loc_iou30=[3.0, 4.0]
    )
    styles = curve_styles(curves)
    assert list(styles) == list(curves)
    # what is drawn later is thinner, and of another colour
    assert styles['top1_loc'][2] > styles['top5_loc'][2]
    assert styles['top1_loc'][0] != styles['top5_loc'][0]
    assert styles['top1_loc'][0] == styles['top1_loc_iou30'][0]
    assert [style for _, style, _ in styles.values()] == ['-', '-', ':']
