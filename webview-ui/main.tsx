import { render } from 'preact';
import '@vscode/codicons/dist/codicon.css';
import './styles/base.css';
import './styles/tree.css';
import './styles/detail.css';
import './styles/charts.css';
import './styles/responsive.css';
import { reportErrors } from './host';
import { followActivation, followSelection } from './state/detail';
import { followChannelErrors, followExplain, followWeightError } from './state/explain';
import { followOutputs } from './state/outputs';
import { followOverview } from './state/overview';
import { followQuery } from './state/rows';
import { followChosen, followSensitivity } from './state/sensitivity';
import { start } from './state/store';
import { followValues } from './state/values';
import { App } from './views/App';
import { SideView } from './views/SideView';

reportErrors();
start();
followSelection();
const side = document.body.dataset.view === 'side';
if (!side) {
  followQuery();
  followActivation();
  followExplain();
  followWeightError();
  followChannelErrors();
  followOutputs();
  followOverview();
  followSensitivity();
  followChosen();
  followValues();
}
const root = document.getElementById('root');
if (root !== null) render(side ? <SideView /> : <App />, root);
