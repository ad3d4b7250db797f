#!/usr/bin/env bash
# mmpretrain's DeiT3 leaves half of its layer norms unused.
#
# DeiT III's layers are x + attn(norm1(x)), then x + mlp(norm2(x)). mmpretrain
# builds and loads both norms, and calls the first one twice: the second never
# gets a gradient, and weights that were trained with both give other tokens
# than timm's model of the same weights. Where both norms are alike, as they
# are at the start of a training, nothing is seen.
#
# Seen with onedl-mmpretrain 1.3.6, timm 1.0.31 and torch 2.13.0 on Python
# 3.11: "norms without a gradient: 4 of 4
# second ones; largest difference of tokens from timm's: 0.67" (2 layers of 32
# channels). Exits with 1 if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
install() { "$folder/venv/bin/pip" install -q "$@"; }
install torch==2.13.0 setuptools==80.9.0 wheel ninja numpy==2.2.6
install --no-deps torchvision==0.28.0
install --no-build-isolation onedl-mmengine==0.10.12 onedl-mmpretrain==1.3.6 \
    opencv-python==4.12.0.88 pillow scipy pyyaml
install onedl-mmcv==2.3.6
install --no-deps timm==1.0.31 safetensors huggingface_hub
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import torch

# torchvision's wheel is of a torch with CUDA; its Python half is enough here.
library = torch.library.Library('torchvision', 'DEF')
try:
    library.define('nms(Tensor d, Tensor s, float t) -> Tensor')
    library.define('qnms(Tensor d, Tensor s, float t) -> Tensor')
except RuntimeError:
    pass
sys.modules['huggingface_hub'] = None  # nothing is fetched
import timm
from mmpretrain.models.backbones import DeiT3

torch.manual_seed(0)
theirs = timm.create_model(
    'deit3_small_patch16_224', img_size=64, embed_dim=32, depth=2,
    num_heads=2, num_classes=0,
).eval()
for parameter in theirs.parameters():
    torch.nn.init.normal_(parameter, std=0.2)
arch = dict(
    embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=128
)
model = DeiT3(arch, img_size=64, out_type='raw')
model.eval()
names = (
    ('patch_embed.proj.', 'patch_embed.projection.'), ('blocks.', 'layers.'),
    ('.norm1.', '.ln1.'), ('.norm2.', '.ln2.'), ('.ls1.gamma', '.attn.gamma1.weight'),
    ('.ls2.gamma', '.ffn.gamma2.weight'), ('.mlp.fc1.', '.ffn.layers.0.0.'),
    ('.mlp.fc2.', '.ffn.layers.1.'),
)
weights = {}
for name, value in theirs.state_dict().items():
    for old, new in names:
        name = name.replace(old, new)
    weights['ln1' + name[4:] if name.startswith('norm.') else name] = value
model.load_state_dict(weights, strict=True)
pictures = torch.randn(1, 3, 64, 64)
(tokens,) = model(pictures)
tokens.square().sum().backward()
unused = [n for n, p in model.named_parameters() if p.grad is None]
second = [n for n, _ in model.named_parameters() if '.ln2.' in n]
difference = (tokens - theirs.forward_features(pictures)).abs().max().item()
print(
    f'norms without a gradient: {len(unused)} of {len(second)} second ones; '
    f"largest difference of tokens from timm's: {difference:.2f}"
)
sys.exit(0 if unused == second and difference > 0.1 else 1)
PYTHON
