# The recipe of SCM, so that the methods alone differ.
_base_ = 'scm_deit-t_cub50.py'

model = dict(head=dict(type='TSCAMHead'))
