//! Manifests: parse, render, apply.
