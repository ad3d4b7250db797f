#!/usr/bin/env bash
# One DINOv2 file, two sets of position embeddings at 224 pixels.
#
# The guess: timm and transformers resize DINOv2's 37x37 position embeddings to
# the 16x16 of 224 pixels alike, bicubically, so that either gives the tokens of
# the published model. For the models with registers they do. For those without,
# transformers resizes as the authors do, without antialiasing, and timm with it,
# for both. A head that is trained on tokens of one library and used with the
# other meets embeddings of another scale; no error, no warning.
#
# Seen with timm 1.0.31, transformers 5.24.0, torch 2.13.0 on Python 3.11, random
# weights (largest difference; spread of the resized embeddings in each):
#   without registers: 0.06; transformers 0.017, timm 0.007
#   with 4 registers: 0.00; transformers 0.007, timm 0.007
# Exits with 1 if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
install() { "$folder/venv/bin/pip" install -q "$@"; }
install torch==2.13.0 setuptools==80.9.0 numpy==2.2.6 pillow==12.3.0
install --no-deps torchvision==0.28.0 timm==1.0.31
install transformers==5.24.0
cd "$folder"
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

import torch

# torchvision's wheel is of a torch with CUDA; its Python half is enough here.
library = torch.library.Library('torchvision', 'DEF')
try:
    library.define('nms(Tensor d, Tensor s, float t) -> Tensor')
    library.define('qnms(Tensor d, Tensor s, float t) -> Tensor')
except RuntimeError:
    pass
import timm
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

FAMILIES = {
    'without registers': (
        'vit_small_patch14_dinov2', Dinov2Config, Dinov2Model
    ),
    'with 4 registers': (
        'vit_small_patch14_reg4_dinov2',
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
    ),
}
shape = dict(embed_dim=48, depth=1, num_heads=3, num_classes=0)
differences = []
for family, (name, config, model) in FAMILIES.items():
    torch.manual_seed(0)
    large = timm.create_model(name, img_size=518, **shape)
    torch.save(large.state_dict(), 'large.pth')
    small = timm.create_model(
        name, pretrained=True, pretrained_cfg_overlay=dict(file='large.pth'),
        img_size=224, **shape,
    )
    theirs = model(
        config(
            hidden_size=48, num_hidden_layers=1, num_attention_heads=3,
            image_size=518, patch_size=14,
        )
    )
    # A position of the class token is in the one and not always in the other.
    patches = large.pos_embed.detach()[:, -37 * 37 :]
    with torch.no_grad():
        theirs.embeddings.position_embeddings[:, 1:] = patches
        resized = theirs.embeddings.interpolate_pos_encoding(
            torch.zeros(1, 1 + 16 * 16, 48), 224, 224
        )[:, 1:]
    ours = small.pos_embed.detach()[:, -16 * 16 :]
    difference = (resized - ours).abs().max().item()
    differences.append(difference)
    print(
        f'{family}: {difference:.2f}; transformers {resized.std():.3f}, '
        f'timm {ours.std():.3f}'
    )
sys.exit(0 if differences[0] > 0.03 and differences[1] < 1e-5 else 1)
PYTHON
