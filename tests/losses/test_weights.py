import logging

import pytest
import torch
from torch.autograd import gradcheck

from hfb.errors import InputError
from hfb.losses import check_weights, weighted_sum
from hfb.losses.weights import _log_skipped


def test_weighted_sum_is_eq_11_per_sample():
    terms = {"image": torch.tensor([1.0, 2.0]), "shape": torch.tensor([10.0, 30.0])}
    weights = {"image": 2.0, "texture": 0.0, "shape": 0.1}
    torch.testing.assert_close(weighted_sum(terms, weights), torch.tensor([3.0, 7.0]))


def test_a_tensor_weighs_each_sample_by_itself():
    terms = {"image": torch.tensor([1.0, 2.0]), "shape": torch.tensor([10.0, 30.0])}
    weights = {"image": torch.tensor([0.0, 1.0]), "shape": 1.0}
    torch.testing.assert_close(weighted_sum(terms, weights), torch.tensor([10.0, 32.0]))


def test_weight_zero_skips_the_term_even_if_it_is_nan_and_names_it_once(caplog):
    _log_skipped.cache_clear()
    terms = {"image": torch.tensor([1.0]), "texture": torch.tensor([torch.nan])}
    with caplog.at_level(logging.INFO, logger="hfb.losses.weights"):
        for _ in range(3):
            assert weighted_sum(terms, {"image": 1.0, "texture": 0.0}).tolist() == [1.0]
    assert sum("texture has weight 0" in message for message in caplog.messages) == 1


def test_all_weights_zero_is_zero():
    assert weighted_sum({"image": torch.ones(2)}, {"image": 0.0}).tolist() == [0.0, 0.0]
    with pytest.raises(InputError, match="nothing to minimise"):
        weighted_sum({}, {"image": 0.0})


def test_a_missing_term_of_positive_weight_is_named():
    with pytest.raises(InputError, match=r"weights.adversarial=0.5, but the term was not computed"):
        weighted_sum({"image": torch.ones(1)}, {"image": 1.0, "adversarial": 0.5})


def test_unknown_terms_and_bad_weights_are_refused():
    with pytest.raises(InputError, match="Unknown loss terms imgae: known are image, pose"):
        weighted_sum({"imgae": torch.ones(1)}, {"image": 1.0, "pose": 1.0})
    with pytest.raises(InputError, match=r"refine.matting=-1.0: must be finite"):
        check_weights({"image": 1.0, "matting": -1.0}, "refine")
    with pytest.raises(InputError, match=r"refine.pose=nan"):
        check_weights({"pose": [0.0, float("nan")]}, "refine")
    check_weights({"image": 0.0, "pose": [1.0, 2.0]}, "refine")


def test_gradient_of_the_weighted_sum(generator):
    values = torch.rand(2, 3, dtype=torch.float64, generator=generator).requires_grad_()
    weights = {"image": 2.0, "matting": 0.3}
    assert gradcheck(lambda v: weighted_sum({"image": v[0], "matting": v[1]}, weights), values)
