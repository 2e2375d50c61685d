"""Which texels are neighbours on the surface of a mesh, seams included: c_kj in eq. (5).

Computed once a body and texture size, in texel coordinates: x = column, y = row, both 0 at the
centre of the first texel, so that a UV point (u, v) lies at (u W - 0.5, (1 - v) H - 0.5).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.errors import InputError

# One of each opposite pair of the eight directions (row step, column step).
_HALF_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
_ALL_NEIGHBOURS = (*_HALF_NEIGHBOURS, *((-row, -column) for row, column in _HALF_NEIGHBOURS))


@dataclass(frozen=True)
class TexelPairs:
    """Unordered pairs of neighbouring texels.

    Attributes:
        first: row-major index of one texel.
        second: row-major index of the other.
        first_face: face that `first` lies on.
        second_face: face that `second` lies on.
        num_texels: texels that lie on the surface, |T| in eq. (5).
        height: rows of the texture.
        width: columns of the texture.
    """

    first: Int[Tensor, " P"]
    second: Int[Tensor, " P"]
    first_face: Int[Tensor, " P"]
    second_face: Int[Tensor, " P"]
    num_texels: int
    height: int
    width: int

    def __len__(self) -> int:
        return len(self.first)

    def to(self, device: torch.device) -> "TexelPairs":
        """The same pairs on another device."""
        return TexelPairs(
            self.first.to(device),
            self.second.to(device),
            self.first_face.to(device),
            self.second_face.to(device),
            self.num_texels,
            self.height,
            self.width,
        )


def texel_pairs(
    faces: Int[Tensor, "F 3"],
    uv: Float[Tensor, "U 2"],
    faces_uv: Int[Tensor, "F 3"],
    size: int | tuple[int, int],
    max_steps: int = 2,
) -> TexelPairs:
    """Pairs of 8-neighbour texels that are neighbours on the surface: c_kj = 1 in eq. (5).

    Where a mesh edge is a UV seam, the texture is continued across it: the eight neighbours of a
    texel beside the seam are carried to the other chart by the similarity that maps the edge's one
    image onto its other one, and the nearest texel there is the neighbour. Texels just outside a
    chart, which bilinear lookup still touches, belong to the face next to them.

    Args:
        faces: vertex indices.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`.
        size: texture size, rows and columns or one number for both.
        max_steps: 1 asks for faces that share a vertex (the paper's "adjacent"; [paper variant]),
            2 also allows one face between them. On textures coarser than the mesh neighbouring
            texels skip faces: on a 13,776-face body at 128 x 128, 1 keeps 83 % and 2 keeps 98 %
            of them.

    Returns:
        The pairs, each once, on the device of `faces`.

    Raises:
        InputError: if `max_steps` is neither 1 nor 2.
    """
    if max_steps not in (1, 2):
        raise InputError(f"max_steps={max_steps}: must be 1 or 2.")
    height, width = (size, size) if isinstance(size, int) else size
    # Once a body: the CPU is quick enough, has double precision everywhere, and always gives the
    # same pairs.
    device = faces.device
    faces, faces_uv = faces.cpu(), faces_uv.cpu()
    corners = _to_texels(uv.detach().cpu(), height, width)[faces_uv]
    covered = _rasterise(corners, height, width)
    surface = _grow(covered)
    first, second = _grid_pairs(surface)
    across_first, across_second = _seam_pairs(faces, faces_uv, corners, covered, surface)
    first, second = torch.cat([first, across_first]), torch.cat([second, across_second])
    flat = surface.flatten()
    near = _faces_touch(faces, flat[first], flat[second], max_steps)
    low, high = torch.minimum(first, second)[near], torch.maximum(first, second)[near]
    key = torch.unique(low * (height * width) + high)
    low, high = key // (height * width), key % (height * width)
    return TexelPairs(
        first=low,
        second=high,
        first_face=flat[low],
        second_face=flat[high],
        num_texels=int((surface >= 0).sum()),
        height=height,
        width=width,
    ).to(device)


def _to_texels(uv: Float[Tensor, "U 2"], height: int, width: int) -> Float[Tensor, "U 2"]:
    """UV coordinates to (x, y) in texels."""
    uv = uv.double()
    return torch.stack([uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5], -1)


def _cross(a: Float[Tensor, "*A 2"], b: Float[Tensor, "*B 2"]) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _rasterise(corners: Float[Tensor, "F 3 2"], height: int, width: int) -> Int[Tensor, "TH TW"]:
    """Lowest-numbered face that covers each texel centre, -1 where none does."""
    limit = torch.tensor([width - 1, height - 1], device=corners.device)
    low = corners.amin(1).ceil().long().clamp(min=0)
    high = torch.minimum(corners.amax(1).floor().long(), limit)
    box = (high - low + 1).clamp(min=0)
    count = box[:, 0] * box[:, 1]
    face = torch.repeat_interleave(torch.arange(len(corners), device=corners.device), count)
    offset = torch.arange(len(face), device=face.device) - (count.cumsum(0) - count)[face]
    x, y = low[face, 0] + offset % box[face, 0], low[face, 1] + offset // box[face, 0]
    spokes = corners[face] - torch.stack([x, y], -1).unsqueeze(1)
    sides = _cross(spokes, spokes.roll(-1, 1))
    inside = (sides >= -1e-9).all(1) | (sides <= 1e-9).all(1)
    empty = len(corners)
    found = torch.full((height * width,), empty, device=face.device)
    found = found.scatter_reduce(0, (y * width + x)[inside], face[inside], "amin")
    return torch.where(found < empty, found, -1).reshape(height, width)


def _shifted(values: Int[Tensor, "TH TW"], row: int, column: int) -> Int[Tensor, "TH TW"]:
    """values[r + row, c + column] at (r, c), -1 beyond the edge."""
    padded = torch.nn.functional.pad(values, (1, 1, 1, 1), value=-1)
    height, width = values.shape
    return padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]


def _grow(covered: Int[Tensor, "TH TW"]) -> Int[Tensor, "TH TW"]:
    """Give empty texels beside a chart the face of a neighbour, straight ones before diagonal."""
    grown = covered
    for row, column in sorted(_ALL_NEIGHBOURS, key=lambda step: abs(step[0]) + abs(step[1])):
        grown = torch.where(grown < 0, _shifted(covered, row, column), grown)
    return grown


def _grid_pairs(surface: Int[Tensor, "TH TW"]) -> tuple[Int[Tensor, " P"], Int[Tensor, " P"]]:
    """Pairs of 8-neighbours that both lie on the surface."""
    width = surface.shape[1]
    firsts, seconds = [], []
    for row, column in _HALF_NEIGHBOURS:
        both = (surface >= 0) & (_shifted(surface, row, column) >= 0)
        index = both.flatten().nonzero().squeeze(1)
        firsts.append(index)
        seconds.append(index + row * width + column)
    return torch.cat(firsts), torch.cat(seconds)


def _seam_edges(
    faces: Int[Tensor, "F 3"], faces_uv: Int[Tensor, "F 3"]
) -> tuple[Int[Tensor, "E 3"], Int[Tensor, "E 3"]]:
    """Both images of every mesh edge that lies in two places of the texture, in both orders.

    Returns:
        (face, corner at the edge's start, corner at its end) on this side and on the other side.
    """
    face = torch.arange(len(faces), device=faces.device).repeat_interleave(3)
    corner = torch.arange(3, device=faces.device).repeat(len(faces))
    following = (corner + 1) % 3
    start, end = faces[face, corner], faces[face, following]
    forward = start < end
    edge = torch.stack(
        [face, torch.where(forward, corner, following), torch.where(forward, following, corner)], -1
    )
    key, order = torch.sort(
        torch.minimum(start, end) * (faces.max() + 1) + torch.maximum(start, end)
    )
    edge = edge[order]
    twin = (key[1:] == key[:-1]).nonzero().squeeze(1)
    one, other = edge[twin], edge[twin + 1]
    split = (faces_uv[one[:, :1], one[:, 1:]] != faces_uv[other[:, :1], other[:, 1:]]).any(1)
    one, other = one[split], other[split]
    return torch.cat([one, other]), torch.cat([other, one])


def _seam_pairs(
    faces: Int[Tensor, "F 3"],
    faces_uv: Int[Tensor, "F 3"],
    corners: Float[Tensor, "F 3 2"],
    covered: Int[Tensor, "TH TW"],
    surface: Int[Tensor, "TH TW"],
) -> tuple[Int[Tensor, " P"], Int[Tensor, " P"]]:
    """Texels beside a seam and their 8-neighbours on the other side of it."""
    here, there = _seam_edges(faces, faces_uv)
    edge, texel = _texels_near(corners, here, covered)
    a, b = corners[here[:, 0], here[:, 1]][edge], corners[here[:, 0], here[:, 2]][edge]
    inner = corners[here[:, 0]].mean(1)[edge]
    steps = torch.tensor(_ALL_NEIGHBOURS, device=faces.device).flip(-1).double()
    # (candidate, 1 or 8 neighbours, xy)
    a, along = a.unsqueeze(1), (b - a).unsqueeze(1)
    side = torch.sign(_cross(along, inner.unsqueeze(1) - a))
    point = texel.double().unsqueeze(1)
    beyond = point + steps
    depth, depth_beyond = side * _cross(along, point - a), side * _cross(along, beyond - a)
    # Where the step from the texel to its neighbour meets the line of the edge, in edge lengths.
    share = depth / (depth - depth_beyond).clamp(min=1e-12)
    crossing = ((point + share.unsqueeze(-1) * steps - a) * along).sum(-1) / along.square().sum(-1)
    valid = (depth >= 0) & (depth_beyond < 0) & (crossing >= -1e-9) & (crossing <= 1 + 1e-9)
    image = _carry_across(beyond, corners, here[edge], there[edge])
    x, y = image[..., 0].round().long(), image[..., 1].round().long()
    height, width = surface.shape
    valid &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
    second = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1))[valid]
    first = (texel[:, 1] * width + texel[:, 0]).unsqueeze(1).expand(-1, len(steps))[valid]
    keep = (surface.flatten()[second] >= 0) & (first != second)
    return first[keep], second[keep]


def _texels_near(
    corners: Float[Tensor, "F 3 2"], edges: Int[Tensor, "E 3"], covered: Int[Tensor, "TH TW"]
) -> tuple[Int[Tensor, " P"], Int[Tensor, "P 2"]]:
    """Covered texels within about two texels of each edge: (which edge, x and y), each once."""
    height, width = covered.shape
    a, b = corners[edges[:, 0], edges[:, 1]], corners[edges[:, 0], edges[:, 2]]
    count = torch.linalg.vector_norm(b - a, dim=-1).ceil().long() + 1
    edge = torch.repeat_interleave(torch.arange(len(edges), device=edges.device), count)
    position = torch.arange(len(edge), device=edge.device) - (count.cumsum(0) - count)[edge]
    share = ((position + 0.5) / count[edge]).unsqueeze(1)
    sample = a[edge] + share * (b - a)[edge]
    around = torch.cartesian_prod(*[torch.arange(-1, 3, device=edge.device)] * 2)
    texel = sample.floor().long().unsqueeze(1) + around
    edge = edge.unsqueeze(1).expand(-1, len(around))
    inside = (texel >= 0).all(-1) & (texel[..., 0] < width) & (texel[..., 1] < height)
    edge, texel = edge[inside], texel[inside]
    on_chart = covered[texel[:, 1], texel[:, 0]] >= 0
    rows = torch.unique(torch.cat([edge[on_chart, None], texel[on_chart]], -1), dim=0)
    return rows[:, 0], rows[:, 1:]


def _carry_across(
    points: Float[Tensor, "P K 2"],
    corners: Float[Tensor, "F 3 2"],
    here: Int[Tensor, "P 3"],
    there: Int[Tensor, "P 3"],
) -> Float[Tensor, "P K 2"]:
    """Map points by the similarity that takes an edge's image `here` to its image `there`.

    In complex numbers z -> q + (z - p) (q' - q) / (p' - p), with the quotient (z - p) / (p' - p)
    conjugated where one of the two charts is mirrored.
    """

    def ends(edge: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        triangle = corners[edge[:, 0]]
        area = _cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        z = torch.view_as_complex(triangle.contiguous())
        row = torch.arange(len(edge), device=edge.device)
        return z[row, edge[:, 1]], z[row, edge[:, 2]], area

    start, end, area = ends(here)
    other_start, other_end, other_area = ends(there)
    safe = torch.where(end == start, 1.0, end - start)
    relative = (torch.view_as_complex(points.contiguous()) - start.unsqueeze(1)) / safe.unsqueeze(1)
    mirrored = (area * other_area < 0).unsqueeze(1)
    relative = torch.where(mirrored, relative.conj(), relative)
    return torch.view_as_real(
        other_start.unsqueeze(1) + relative * (other_end - other_start).unsqueeze(1)
    )


def _faces_touch(
    faces: Int[Tensor, "F 3"], first: Int[Tensor, " P"], second: Int[Tensor, " P"], max_steps: int
) -> Bool[Tensor, " P"]:
    """Whether two faces share a vertex or, for two steps, a mesh edge joins their vertices."""
    one, other = faces[first].unsqueeze(2), faces[second].unsqueeze(1)
    touch = (one == other).flatten(1).any(1)
    if max_steps == 1:
        return touch
    base = faces.max() + 1
    low, high = torch.minimum(faces, faces.roll(-1, 1)), torch.maximum(faces, faces.roll(-1, 1))
    edges = torch.unique(low * base + high)
    key = (torch.minimum(one, other) * base + torch.maximum(one, other)).flatten(1)
    place = torch.searchsorted(edges, key).clamp(max=len(edges) - 1)
    return touch | (edges[place] == key).any(1)
