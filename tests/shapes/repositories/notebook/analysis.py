#!/usr/bin/env python
# coding: utf-8

# # Wine quality
# 
# We compare a few classifiers on the wine data set.

# In[1]:


import numpy as np
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split


# In[2]:


X, y = load_wine(return_X_y=True)
X.shape


# In[3]:


X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
scaler = StandardScaler().fit(X_train)


# ## Model

# In[4]:


n_neighbors = 7
p = 2.0
weights = 'uniform'


# In[5]:


knn = KNeighborsClassifier(n_neighbors=n_neighbors, p=p, weights=weights)
knn.fit(scaler.transform(X_train), y_train)


# In[6]:


y_pred = knn.predict(scaler.transform(X_test))
print('Accuracy on the test set: {:.3f}'.format(np.mean(y_pred == y_test)))


# In[ ]:




