"""The endpoint: releases in one server process, answered over KServe's protocols."""
