"""The network: layers, loss and the VAE itself."""
