"""What a pipeline runs: one file here a pod, a thin KFP component; one file in ``steps/`` a step, which a pod calls.

A pod's floor, a driver and an executor one after the other, outweighs most steps, so a pod runs several in turn.
"""
