'use strict';

/* What the page was written with: clusters, their order and the tree of merges. */

const clustering = (() => {
  const data = JSON.parse(byId('data').textContent);
  const clusters = new Map(data.clusters.map((cluster) => [cluster.number, cluster]));
  const numbers = [...clusters.keys()];
  const clusterOfRow = new Map();
  for (const cluster of data.clusters) {
    for (const row of cluster.rows) clusterOfRow.set(row, cluster.number);
  }

  /** The clusters below each node of the tree: single clusters first, then merges. */
  const branches = numbers.map((number) => [number]);
  for (const [one, other] of data.merges) {
    branches.push([...branches[one], ...branches[other]]);
  }

  /** The smallest branch with this cluster that is not fully selected; else the cluster. */
  function branchToSelect(number, selected) {
    const addsToSelection = (branch) => branch.length > 1 && branch.some((each) => !selected.has(each));
    return branches.find((branch) => branch.includes(number) && addsToSelection(branch)) ?? [number];
  }

  /** The row of a cluster's most typical image; none if no image of it is here. */
  function exampleOf(number) {
    const cluster = clusters.get(number);
    return cluster ? cluster.rows[cluster.views.typical[0]] : '';
  }

  const givenNames = Object.entries(data.names).map(([number, name]) => [Number(number), name]);
  return {
    digest: data.digest,
    nImages: data.nImages,
    nClusters: data.nClusters,
    clusters,
    numbers,
    bySimilarity: data.order,
    clusterOfRow,
    finds: data.finds,
    branchToSelect,
    exampleOf,
    givenNames: new Map(givenNames),
    givenExcluded: new Map(data.excluded.map(([number, rows]) => [number, new Set(rows)])),
  };
})();
