import argparse
import os

import numpy as np
import torch
import torch.nn as nn

os.makedirs("images", exist_ok=True)

parser = argparse.ArgumentParser()
parser.add_argument("--n_epochs", type=int, default=3, help="number of epochs of training")
parser.add_argument("--batch_size", type=int, default=64, help="size of the batches")
parser.add_argument("--lr", type=float, default=0.002, help="adam: learning rate")
parser.add_argument("--b1", type=float, default=0.5, help="adam: decay of first order momentum of gradient")
parser.add_argument("--b2", type=float, default=0.999, help="adam: decay of second order momentum of gradient")
parser.add_argument("--latent_dim", type=int, default=8, help="dimensionality of the latent space")
opt = parser.parse_args()
print(opt)
torch.set_num_threads(1)

generator = nn.Sequential(nn.Linear(opt.latent_dim, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())
adversarial_loss = nn.BCELoss()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))


def real(n):
    angle = torch.rand(n) * 2 * np.pi
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def frechet(a, b):
    """Frechet distance between two clouds of points, each taken as a Gaussian."""
    ca, cb = np.cov(a.T), np.cov(b.T)
    values = np.sqrt(np.maximum(np.linalg.eigvals(ca @ cb).real, 0))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * values.sum())


batches = 30
for epoch in range(opt.n_epochs):
    for i in range(batches):
        ones, zeros = torch.ones(opt.batch_size, 1), torch.zeros(opt.batch_size, 1)
        optimizer_G.zero_grad()
        gen = generator(torch.randn(opt.batch_size, opt.latent_dim))
        g_loss = adversarial_loss(discriminator(gen), ones)
        g_loss.backward()
        optimizer_G.step()
        optimizer_D.zero_grad()
        d_loss = (adversarial_loss(discriminator(real(opt.batch_size)), ones)
                  + adversarial_loss(discriminator(gen.detach()), zeros)) / 2
        d_loss.backward()
        optimizer_D.step()
        if i % 10 == 0:
            print("[Epoch %d/%d] [Batch %d/%d] [D loss: %f] [G loss: %f]"
                  % (epoch, opt.n_epochs, i, batches, d_loss.item(), g_loss.item()))

with torch.no_grad():
    fake = generator(torch.randn(1000, opt.latent_dim)).numpy()
spread = float((np.histogram(np.arctan2(fake[:, 1], fake[:, 0]), 16, (-np.pi, np.pi))[0] > 10).mean())
print("FID: %.4f  Coverage: %.4f" % (frechet(real(1000).numpy(), fake), spread))
