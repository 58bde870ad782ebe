"""The loss of two trainings beside one another, per target token with label smoothing, as a table and an SVG.

    python3 Benchmarks/loss-curves.py training.jsonl peer.log WINDOW curves.svg

training.jsonl is that of `mt train`; peer.log what a PyTorch script printed, every WINDOW updates a line with
"step N loss X", X the mean over the last WINDOW updates.
"""
import json, re, sys

ours_file, peer_file, window, svg = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
losses = [r["loss"] for r in map(json.loads, open(ours_file)) if "loss" in r and "update" in r]
ours = {n: sum(losses[n - window:n]) / window for n in range(window, len(losses) + 1, window)}
peer = {int(n): float(x) for n, x in re.findall(r"step (\d+) loss ([0-9.]+)", open(peer_file).read())}
updates = sorted(set(ours) & set(peer))
print("| updates | mt | PyTorch | difference |\n|---:|---:|---:|---:|")
for n in updates: print(f"| {n} | {ours[n]:.3f} | {peer[n]:.3f} | {ours[n] - peer[n]:+.3f} |")

W, H, L, B = 560, 300, 50, 40
low, high = min(min(ours[n], peer[n]) for n in updates), max(max(ours[n], peer[n]) for n in updates)
low, high = int(low), int(high) + 1
x = lambda n: L + (W - L - 15) * n / updates[-1]
y = lambda v: 15 + (H - B - 15) * (high - v) / (high - low)
line = lambda curve, style: ('<polyline fill="none" stroke-width="2" %s points="%s"/>'
                             % (style, " ".join(f"{x(n):.1f},{y(curve[n]):.1f}" for n in updates)))
out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif" font-size="12">',
       f'<rect width="{W}" height="{H}" fill="#fff"/>']
for v in range(low, high + 1):
    out.append(f'<path d="M{L} {y(v):.1f}H{W - 15}" stroke="#ddd"/><text x="{L - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v}</text>')
for n in updates[::max(1, len(updates) // 6)]:
    out.append(f'<text x="{x(n):.1f}" y="{H - B + 18}" text-anchor="middle">{n}</text>')
out += [f'<text x="{(W + L) / 2}" y="{H - 6}" text-anchor="middle">updates</text>',
        f'<text x="14" y="{H / 2 - 10}" transform="rotate(-90 14 {H / 2 - 10})" text-anchor="middle">loss, nats a token</text>',
        line(peer, 'stroke="#c60" stroke-dasharray="6 4"'), line(ours, 'stroke="#06c"'),
        f'<text x="{W - 130}" y="30" fill="#06c">mt</text><text x="{W - 90}" y="30" fill="#c60">PyTorch (dashed)</text>', "</svg>"]
open(svg, "w").write("\n".join(out) + "\n")
